#pragma once

#include <string_view>
#include <tuple>

#include "methods/regression/softmax_relu/descent.hpp"

namespace breakeven::regression {

struct GradientDescentParams {
  double tolerance = 1e-8;
  Index max_iterations = 20000;

  static constexpr auto fields() {
    using Params = GradientDescentParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "asked reduction of the gradient norm, from its value at x0"},
        Field{"max-iterations", &Params::max_iterations, "steps at most"}};
  }
};

/// Steepest descent with Armijo's rule: the peer that needs no matrix. Each search starts at twice the last length.
/// Shapes: rows of A1, columns of A2 in contiguous blocks; x (d) equal on all ranks.
/// Collective. Cost a step and rank: two reads of A1 and A2, 3 reductions of 1, m + 2 and d numbers, two more for each
/// rejected trial step.
/// Errors: none once `validate` has passed; what stops it early is told by promise().
/// Source: textbook gradient descent.
template <class T>
class GradientDescent {
 public:
  static constexpr std::string_view name = "gradient_descent";
  using Params = GradientDescentParams;
  using Counts = SoftmaxReluCounts;

  static void validate(const SoftmaxReluSpec&, const Params&);
  GradientDescent(const Communicator&, const SoftmaxReluSpec&, const Params&);
  const SoftmaxReluSolution<T>& run(const SoftmaxReluProblem<T>&);
  Counts counts() const { return descent_.counts(); }
  static Counts expected(const SoftmaxReluSpec&, const Params&);
  static Schedule schedule(const SoftmaxReluSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return descent_.promise(); }

 private:
  Descent<T> descent_;
};

}  // namespace breakeven::regression
