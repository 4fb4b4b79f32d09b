#pragma once

#include <string_view>
#include <tuple>

#include "methods/regression/softmax_relu/descent.hpp"

namespace breakeven::regression {

struct LbfgsParams {
  double tolerance = 1e-8;
  Index max_iterations = 5000;
  Index memory = 20;

  static constexpr auto fields() {
    using Params = LbfgsParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "asked reduction of the gradient norm, from its value at x0"},
        Field{"max-iterations", &Params::max_iterations, "steps at most"},
        Field{"memory", &Params::memory, "pairs of steps and gradient differences kept"}};
  }
};

/// Limited-memory BFGS by libLBFGS: what a user would reach for. Every rank runs the library on equal numbers.
/// Shapes: rows of A1, columns of A2 in contiguous blocks; x (d) equal on all ranks.
/// Collective. Cost an evaluation and rank: two reads of A1 and A2, 3 reductions of 1, m + 2 and d numbers; a step one
/// evaluation or a few, and 4 memory d flops.
/// Errors: none once `validate` has passed; what stops it early is told by promise(): often the rounding of the loss,
/// which its line search compares, at a gradient reduced by about the square root of the unit roundoff.
/// Source: Liu and Nocedal (1989), implementation of libLBFGS (Okazaki).
template <class T>
class Lbfgs {
 public:
  static constexpr std::string_view name = "lbfgs";
  using Params = LbfgsParams;
  using Counts = SoftmaxReluCounts;

  static void validate(const SoftmaxReluSpec&, const Params&);
  Lbfgs(const Communicator&, const SoftmaxReluSpec&, const Params&);
  const SoftmaxReluSolution<T>& run(const SoftmaxReluProblem<T>&);
  Counts counts() const { return descent_.counts(); }
  static Counts expected(const SoftmaxReluSpec&, const Params&);
  static Schedule schedule(const SoftmaxReluSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return descent_.promise(); }

 private:
  Params params_;
  Descent<T> descent_;
};

}  // namespace breakeven::regression
