#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/array.hpp"
#include "base/fields.hpp"
#include "base/layout.hpp"
#include "base/solution_array.hpp"
#include "base/source.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/whitened_error.hpp"

namespace breakeven::regression {

/// What is asked: X = argmin |A X - B|_F^2 + ridge |X|_F^2 with A (n x d) and B (n x rhs), n >= d.
struct LeastSquaresSpec {
  Index n = 65536;
  Index d = 32;
  Index rhs = 1;
  double ridge = 0;
  std::string data = "gaussian";
  double condition = 1e4;
  double noise = 0.1;
  Index test_rows = 0;  ///< of /a_test and /b_test; no factor, since the file's hash tells

  static constexpr auto fields() {
    using Spec = LeastSquaresSpec;
    return std::tuple{
        Field{"n", &Spec::n, "rows of A, the observations"},
        Field{"d", &Spec::d, "columns of A, the unknowns"},
        Field{"rhs", &Spec::rhs, "right sides: columns of B"},
        Field{"ridge", &Spec::ridge, "lambda, weight of |X|_F^2 in the objective"},
        Field{"data", &Spec::data,
              "synthetic data: gaussian, student_t, cauchy, spike, graded or correlated (docs/measuring.md)", "",
              std::array<std::string_view, 6>{"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"}},
        Field{"condition", &Spec::condition, "condition number of graded data; no factor of other data"},
        Field{"noise", &Spec::noise, "standard deviation of B - A X_true; no factor of data from a file"}};
  }
};

/// An answer, equal on all ranks, and what it took of A.
template <class T>
struct LeastSquaresSolution {
  Array<T> x;                       ///< d x rhs
  Index rows_read = unknown_index;  ///< rows of A that this rank read in run(), anew in every pass; not a peer's
  Array<double> halved{};           ///< R (d x d) of the sample that repeated halving ended with, else empty
};

struct LeastSquaresQuality {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  double error = 0;
  double backward_error = 0;
  double optimality = 0;
  double forward_error = unknown;
  double residual = 0;
  double condition_estimate = 0;
  Index rows_read = unknown_index;
  double halving_error = unknown;
  double test_accuracy = unknown;

  static constexpr auto fields() {
    using Quality = LeastSquaresQuality;
    return std::tuple{
        Field{"error", &Quality::error,
              "residual excess: objective / smallest objective - 1; if that is zero to rounding, objective / |B|^2"},
        Field{
            "backward-error", &Quality::backward_error,
            "smallest relative change of A that makes the answer exact (estimate of Karlson and Walden), worst column"},
        Field{"optimality", &Quality::optimality, "|A'R - ridge X| / (|A| |R|), R = B - A X, Frobenius norms"},
        Field{"forward-error", &Quality::forward_error, "|X - X*|_F / |X*|_F, X* the reference answer"},
        Field{"residual", &Quality::residual, "|A X - B|_F / |B|_F"},
        Field{"condition-estimate", &Quality::condition_estimate, "condition number of A, with the ridge, 1-norm"},
        Field{"rows-read", &Quality::rows_read,
              "rows of A read in one run, all ranks together; one that is read again counts again"},
        Field{"halving-error", &Quality::halving_error, halving_error_help},
        Field{"test-accuracy", &Quality::test_accuracy,
              "share of the rows of /a_test whose largest predicted column is that of /b_test; inputs that hold them, "
              "with several right sides"}};
  }
};

/// The true answer, in float64 from the rows of all ranks. Equal on all ranks, but for the test rows.
struct LeastSquaresReference {
  LeastSquaresSpec spec;
  Array<double> x;               ///< X*, d x rhs
  Array<double> r;               ///< d x d upper triangular, R'R = A'A + ridge I
  double objective = 0;          ///< |A X* - B|_F^2 + ridge |X*|_F^2
  double a_norm = 0;             ///< |A|_F
  double b_norm = 0;             ///< |B|_F
  double condition = 0;          ///< 1-norm estimate for R
  Array<double> test_a, test_b;  ///< this rank's share of the rows of /a_test and /b_test, if the input holds them
};

/// regression/least_squares: this rank's rows of A and B, in one block.
/// Source: linear regression as in Song, Yin, Zhang (2023), arXiv 2311.14823, with several right sides and ridge.
template <class T>
struct LeastSquaresProblem {
  static constexpr std::string_view family = "regression";
  static constexpr std::string_view name = "least_squares";
  using Scalar = T;
  using Spec = LeastSquaresSpec;
  using Solution = LeastSquaresSolution<T>;
  using Quality = LeastSquaresQuality;
  using Reference = LeastSquaresReference;

  Spec spec;
  Layout layout;
  Array<T> a, b;        ///< rows of this rank x d, x rhs
  Index first_row = 0;  ///< global index of the first of them

  LeastSquaresProblem(const Spec&, const Source<T>&, const Layout&, int rank);

  /// `condition` is unknown where the data have none, `noise` for data from a file: one case, one hash.
  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec&, const Layout&, int rank);
  std::optional<BadValue> first_bad_value() const;
  /// The spec as it is; refuses a column of zeros on all ranks alike, unless a ridge makes the answer unique.
  /// Collective.
  static Spec observed(const Communicator&, const Spec&, const LeastSquaresProblem&);
  /// Refuses an A of deficient rank on all ranks alike, unless a ridge makes the answer unique.
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const LeastSquaresProblem&, const Solution&);
  /// |R (Xa - Xb)|_F within what a backward stable solver allows: c eps (|A| |X*| + |B| + condition |B - A X*|).
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);

 private:
  int rank_;
};

}  // namespace breakeven::regression
