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
#include "numerics/row_matrix.hpp"

namespace breakeven::regression {

/// What is asked: x = argmin 1/2 |ReLU(A2 softmax(A1 x)) - b|^2 + 1/2 |W A1 x|^2, A1 (n x d), A2 (m x n), W = diag(w).
struct SoftmaxReluSpec {
  Index n = 16384;
  Index m = 32;
  Index d = 32;
  std::string data = "gaussian";
  std::string signs = "positive";
  double density = 1;
  Index nonzeros = 8;
  bool sparse = false;
  double dominance = 1;
  double start_distance = 1;

  static constexpr auto fields() {
    using Spec = SoftmaxReluSpec;
    return std::tuple{
        Field{"n", &Spec::n, "terms of the softmax: rows of A1, columns of A2"},
        Field{"m", &Spec::m, "outputs: rows of A2"},
        Field{"d", &Spec::d, "unknowns: columns of A1"},
        Field{"data", &Spec::data, "synthetic A1: gaussian, student_t or correlated", "",
              std::array<std::string_view, 6>{"gaussian", "student_t", "correlated"}},
        Field{"signs", &Spec::signs,
              "synthetic A2: positive (all ReLUs active) or mixed (about half of them; kinks); no factor of a file", "",
              std::array<std::string_view, 6>{"positive", "mixed"}},
        Field{"density", &Spec::density, "share of the entries of A1 that are not zero; below 1 A1 is stored sparse"},
        Field{"nonzeros", &Spec::nonzeros, "entries of a column of A2 that are not zero, A2 stored sparse; 0: dense"},
        Field{"sparse", &Spec::sparse, "store A1 and A2 of an input file sparse; no factor of synthetic data", ""},
        Field{"dominance", &Spec::dominance,
              "W^2 relative to the expected size of the loss's curvature B; no factor of a file"},
        Field{"start-distance", &Spec::start_distance,
              "distance of the start from 0: x0 is as many times a fixed normal vector"}};
  }
};

/// An answer, equal on all ranks.
template <class T>
struct SoftmaxReluSolution {
  Array<T> x;  ///< d x 1
};

struct SoftmaxReluQuality {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  double error = 0;
  double loss = 0;
  double loss_excess = 0;
  double gradient_norm = 0;
  double gradient_reduction = 0;
  double kink = 0;
  double min_u = 0;
  double lambda_min = 0;
  double weight_condition = 0;
  double lipschitz_ratio = 0;
  double lipschitz_bound = 0;
  double dominance_measured = 0;
  double reference_reduction = 0;

  static constexpr auto fields() {
    using Quality = SoftmaxReluQuality;
    return std::tuple{
        Field{"error", &Quality::error, "|x - x*|_H / |x*|_H, x* the minimiser that Newton's method finds from x0"},
        Field{"loss", &Quality::loss, "1/2 |ReLU(A2 f) - b|^2 + 1/2 |W A1 x|^2"},
        Field{"loss-excess", &Quality::loss_excess, "loss / loss at x* - 1; below 0 is a lower minimum than x*"},
        Field{"gradient-norm", &Quality::gradient_norm, "Euclidean norm of the gradient"},
        Field{"gradient-reduction", &Quality::gradient_reduction, "gradient norm relative to the one at x0"},
        Field{"kink", &Quality::kink, "min |u_j| / median |u_j|, u = A2 f; below 1e-8 x is on a kink of the ReLU"},
        Field{"min-u", &Quality::min_u, "min |u_j|: how far u is from the nearest kink of a ReLU"},
        Field{"lambda-min", &Quality::lambda_min, "smallest eigenvalue of the Hessian; at a minimiser not below 0"},
        Field{"weight-condition", &Quality::weight_condition,
              "min w^2 / (1.5 |A2| |r|) at x*, |A2| from above: H is sure to be positive definite from 1 on"},
        Field{"lipschitz-ratio", &Quality::lipschitz_ratio,
              "|H(y) - H(x*)| / |y - x*|, y between x* and x0, halfway or nearer: in one cell of the ReLUs with x*"},
        Field{"lipschitz-bound", &Quality::lipschitz_bound, "what the theory bounds that ratio by, in any cell"},
        Field{"dominance-measured", &Quality::dominance_measured, "W^2 relative to B at x*: 1 / |B| where W^2 is 1"},
        Field{"reference-reduction", &Quality::reference_reduction,
              "gradient norm at x* relative to the one at x0: large if x* is on a kink"}};
  }
};

/// The exact minimiser, in float64. Equal on all ranks.
struct SoftmaxReluReference {
  SoftmaxReluSpec spec;
  std::vector<double> x, x0;
  Array<double> h;                ///< Hessian at x*, or A1'W^2A1 where that is not positive definite: the norm used
  double loss = 0;                ///< at x*
  double gradient_start = 0;      ///< |gradient| at x0
  double gradient_reduction = 0;  ///< at x*
  double lambda_min = 0;          ///< of the Hessian at x*
  Index zero_weights = 0;         ///< entries of w that are 0
  double weight_condition = 0;
  double lipschitz_ratio = 0, lipschitz_bound = 0;  ///< NaN: x0 is x*, or x* is on a kink
  double dominance = 0;
};

/// regression/softmax_relu: this rank's rows of A1, columns of A2 (as rows) and entries of w; b whole.
///   softmax index   rank 0: rows 0.. of A1, columns 0.. of A2    rank 1: the next ones    ...
/// Source: the two-layer regression of Li, Song, Wang and Yin (2023), arXiv 2311.15390; symbols in NOTES.md.
template <class T>
struct SoftmaxReluProblem {
  static constexpr std::string_view family = "regression";
  static constexpr std::string_view name = "softmax_relu";
  using Scalar = T;
  using Spec = SoftmaxReluSpec;
  using Solution = SoftmaxReluSolution<T>;
  using Quality = SoftmaxReluQuality;
  using Reference = SoftmaxReluReference;

  Spec spec;
  Layout layout;
  RowMatrix<T> a1;      ///< rows of this rank x d
  RowMatrix<T> a2;      ///< A2 transposed: rows of this rank x m
  AlignedVector<T> w;   ///< rows of this rank
  std::vector<T> b;     ///< m
  Index first_row = 0;  ///< global softmax index of the first row

  SoftmaxReluProblem(const Spec&, const Source<T>&, const Layout&, int rank);

  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec&, const Layout&, int rank);
  std::optional<BadValue> first_bad_value() const;
  /// Refuses a column of zeros in A1, on all ranks alike; collective.
  static Spec observed(const Communicator&, const Spec&, const SoftmaxReluProblem&);
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const SoftmaxReluProblem&, const Solution&);
  /// Weights of 0, with which no condition on the weights makes the Hessian positive definite; an indefinite one at x*.
  static std::vector<std::string> warnings(const Spec&, const Reference&);
  /// Two runs of one method: they differ by rounding, or by where a stopping test was met.
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);

 private:
  int rank_;
};

/// Where every method starts: spec.start_distance times a normal vector that depends on nothing but the position.
std::vector<double> softmax_relu_start(const SoftmaxReluSpec&);

}  // namespace breakeven::regression
