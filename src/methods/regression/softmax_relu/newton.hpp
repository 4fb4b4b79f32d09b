#pragma once

#include <string_view>
#include <tuple>

#include "methods/regression/softmax_relu/descent.hpp"

namespace breakeven::regression {

struct NewtonParams {
  double tolerance = 1e-8;
  Index max_iterations = 200;

  static constexpr auto fields() {
    using Params = NewtonParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "asked reduction of the gradient norm, from its value at x0"},
        Field{"max-iterations", &Params::max_iterations, "steps at most"}};
  }
};

/// Newton's method with the exact Hessian, damped. The exact baseline.
/// A Hessian that is not positive definite has its eigenvalues replaced by their absolute values for that step.
/// Shapes: rows of A1, columns of A2 in contiguous blocks; x (d) equal on all ranks.
/// Collective. Cost a step and rank: (n / P)(d^2 + 2 m d) flops (A2 sparse: 2 nnz d / P for m d) + m d^2 + d^3 / 3, 4
/// reductions of d (d + 1) / 2 + (m + 2) d, 1, m + 2 and d numbers, two more for each rejected trial step.
/// Errors: none once `validate` has passed; what stops it early is told by promise().
/// Source: textbook Newton method; Hessian derived, see NOTES.md.
template <class T>
class Newton {
 public:
  static constexpr std::string_view name = "newton";
  using Params = NewtonParams;
  using Counts = SoftmaxReluCounts;

  static void validate(const SoftmaxReluSpec&, const Params&);
  Newton(const Communicator&, const SoftmaxReluSpec&, const Params&);
  const SoftmaxReluSolution<T>& run(const SoftmaxReluProblem<T>&);
  Counts counts() const { return descent_.counts(); }
  static Counts expected(const SoftmaxReluSpec&, const Params&);
  static Schedule schedule(const SoftmaxReluSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return descent_.promise(); }

 private:
  SoftmaxReluSpec spec_;
  Descent<T> descent_;
};

}  // namespace breakeven::regression
