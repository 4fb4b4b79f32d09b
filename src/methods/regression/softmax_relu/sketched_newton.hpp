#pragma once

#include <array>
#include <string>
#include <string_view>
#include <tuple>

#include "methods/regression/softmax_relu/descent.hpp"
#include "methods/regression/softmax_relu/weighted_a1.hpp"

namespace breakeven::regression {

struct SketchedNewtonParams {
  double tolerance = 1e-8;
  Index max_iterations = 500;
  double sample_factor = 5;
  Index draw = 1;
  std::string damping = "none";

  static constexpr auto fields() {
    using Params = SketchedNewtonParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "asked reduction of the gradient norm, from its value at x0"},
        Field{"max-iterations", &Params::max_iterations, "steps at most"},
        Field{"sample-factor", &Params::sample_factor, "rows sampled a step, in units of d ln d"},
        Field{"draw", &Params::draw, "number of the random draw of the samples"},
        Field{"damping", &Params::damping, "armijo: steps that lower the loss; none: full steps, as published", "",
              std::array<std::string_view, 6>{"armijo", "none"}}};
  }
};

/// The approximate Newton method of the paper: x+ = x - H~^-1 gradient, H~ = A1' D~ A1 with D~ a sample, by leverage
/// scores of W A1, of the diagonal D = max(q + w o w, 0) that stands for B + W^2.
/// Shapes: rows of A1, columns of A2 in contiguous blocks; x (d) equal on all ranks.
/// Collective. Cost a rank: 4 n d^2 / P flops and one combination of triangles for the scores, once; a step k d^2 / P +
/// d^3 / 3 flops for k = sample_factor d ln d rows, 4 reductions of d (d + 1) / 2 + 1, 1, m + 2 and d numbers.
/// Errors: none once `validate` has passed; what stops it early, divergence included, is told by promise().
/// Source: Li, Song, Wang, Yin (2023), arXiv 2311.15390: iteration and sampling stated in its abstract; the diagonal
/// and the constants reconstructed. Deviation: scores computed once, by TSQR, since W A1 does not change; damping
/// armijo is ours.
template <class T>
class SketchedNewton {
 public:
  static constexpr std::string_view name = "sketched_newton";
  using Params = SketchedNewtonParams;
  using Counts = SoftmaxReluCounts;

  static void validate(const SoftmaxReluSpec&, const Params&);
  SketchedNewton(const Communicator&, const SoftmaxReluSpec&, const Params&);
  const SoftmaxReluSolution<T>& run(const SoftmaxReluProblem<T>&);
  Counts counts() const { return descent_.counts(); }
  static Counts expected(const SoftmaxReluSpec&, const Params&);
  static Schedule schedule(const SoftmaxReluSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return descent_.promise(); }

 private:
  SoftmaxReluSpec spec_;
  Params params_;
  WeightedA1<T> weighted_a1_;
  Descent<T> descent_;
};

}  // namespace breakeven::regression
