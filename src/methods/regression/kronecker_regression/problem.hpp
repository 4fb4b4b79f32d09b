#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/solution_array.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factors.hpp"
#include "methods/regression/whitened_error.hpp"

namespace breakeven::regression {

/// What is asked: X = argmin |A1 X A2' - B|_F with B (n x n2), that is min |(A1 (x) A2) vec X - vec B| where vec reads
/// row by row: D = d d2 unknowns, n n2 equations. B is not held: methods ask the Source for the entries they want.
struct KroneckerRegressionSpec : KroneckerSpec {
  double noise = 1;

  static constexpr auto fields() {
    return std::tuple_cat(KroneckerSpec::fields(),
                          std::tuple{Field{"noise", &KroneckerRegressionSpec::noise,
                                           "standard deviation of B - A1 X_true A2', whose other part has variance "
                                           "near 1 for gaussian data; no factor of data from a file"}});
  }
};

/// An answer, equal on all ranks, and what it took of B.
template <class T>
struct KroneckerRegressionSolution {
  Array<T> x;                             ///< d x d2
  Index entries_read = 0;                 ///< entries of B that the Source served to this rank in run()
  std::array<Array<double>, 2> halved{};  ///< R of the samples that the halving of A1 and A2 ended with, else empty
};

struct KroneckerRegressionQuality {
  double error = 0;
  double share_read = 0;
  Index entries_read = 0;
  double residual = 0;
  double forward_error = 0;
  double halving_error = std::numeric_limits<double>::quiet_NaN();

  static constexpr auto fields() {
    using Quality = KroneckerRegressionQuality;
    return std::tuple{
        Field{"error", &Quality::error,
              "residual excess: |A1 X A2' - B|_F^2 / smallest - 1; if that is zero to rounding, the excess / |B|_F^2"},
        Field{"share-read", &Quality::share_read, "entries of B served in one run / n n2"},
        Field{"entries-read", &Quality::entries_read, "entries of B served in one run, all ranks together"},
        Field{"residual", &Quality::residual, "|A1 X A2' - B|_F / |B|_F"},
        Field{"forward-error", &Quality::forward_error, "|X - X*|_F / |X*|_F, X* the reference answer"},
        Field{"halving-error", &Quality::halving_error, halving_error_help}};
  }
};

/// The true answer, in float64 from all of B. Equal on all ranks.
struct KroneckerRegressionReference {
  KroneckerSpec spec;
  std::array<Array<double>, 2> r;  ///< triangles of the factors
  Array<double> x;                 ///< X*, d x d2
  double smallest_square = 0;      ///< |A1 X* A2' - B|_F^2; 0 if that is rounding
  double b_square = 0;             ///< |B|_F^2
};

/// regression/kronecker_regression: this rank's rows of both factors, and the Source of B.
/// Source: regression as the direct application named by Gao, Song, Zhang (2024), arXiv 2402.07027 [stated].
template <class T>
struct KroneckerRegressionProblem {
  static constexpr std::string_view family = "regression";
  static constexpr std::string_view name = "kronecker_regression";
  using Scalar = T;
  using Spec = KroneckerRegressionSpec;
  using Solution = KroneckerRegressionSolution<T>;
  using Quality = KroneckerRegressionQuality;
  using Reference = KroneckerRegressionReference;

  Spec spec;
  Layout layout;
  KroneckerFactors<T> factors;
  const Source<T>* source;  ///< of /b; outlives the problem

  KroneckerRegressionProblem(const Spec& wanted, const Source<T>& data, const Layout& rows, int rank)
      : spec(wanted), layout(rows), factors(wanted, data, rows, rank), source(&data) {}

  /// n2 = n and d2 = d are 0; `noise` is unknown for data from a file: one case, one hash.
  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec& spec, const Layout& layout, int rank) {
    return KroneckerFactors<T>::bytes(spec, layout, rank);
  }
  /// Of B too if it comes from a file: then this reads the rank's rows of it.
  std::optional<BadValue> first_bad_value() const;
  /// The spec as it is; refuses a factor with a column of zeros.
  static Spec observed(const Communicator& comm, const Spec& spec, const KroneckerRegressionProblem& problem) {
    require_columns(comm, problem.factors);
    return spec;
  }
  /// Reads all of B, each rank its block of rows. Cost per rank: 2 n n2 d2 / P flops.
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const KroneckerRegressionProblem&, const Solution&);
  /// Equal residuals to rounding: |R1 (Xa - Xb) R2'|_F within c sqrt(n) eps (|R1| |X*| |R2| + |B|).
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);
};

}  // namespace breakeven::regression
