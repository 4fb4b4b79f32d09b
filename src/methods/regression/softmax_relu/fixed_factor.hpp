#pragma once

#include <array>
#include <string>
#include <string_view>
#include <tuple>

#include "methods/regression/softmax_relu/descent.hpp"
#include "methods/regression/softmax_relu/weighted_a1.hpp"

namespace breakeven::regression {

struct FixedFactorParams {
  double tolerance = 1e-8;
  Index max_iterations = 500;
  std::string damping = "armijo";

  static constexpr auto fields() {
    using Params = FixedFactorParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "asked reduction of the gradient norm, from its value at x0"},
        Field{"max-iterations", &Params::max_iterations, "steps at most"},
        Field{"damping", &Params::damping, "armijo: steps that lower the loss; none: full steps, as published", "",
              std::array<std::string_view, 6>{"armijo", "none"}}};
  }
};

/// x+ = x - t (A1'W^2A1)^-1 gradient, the matrix factored once: what the theory's own regime, W^2 dominating B, allows
/// without any sampling.
/// Shapes: rows of A1, columns of A2 in contiguous blocks; x (d) equal on all ranks.
/// Collective. Cost a rank: n d^2 / P + d^3 / 3 flops and a reduction of d (d + 1) / 2 numbers once; a step two reads
/// of A1 and A2 and 3 reductions of 1, m + 2 and d numbers. Errors: none once `validate` has passed; what stops it
/// early is told by promise(). Source: ours, the natural peer of sketched_newton.
template <class T>
class FixedFactor {
 public:
  static constexpr std::string_view name = "fixed_factor";
  using Params = FixedFactorParams;
  using Counts = SoftmaxReluCounts;

  static void validate(const SoftmaxReluSpec&, const Params&);
  FixedFactor(const Communicator&, const SoftmaxReluSpec&, const Params&);
  const SoftmaxReluSolution<T>& run(const SoftmaxReluProblem<T>&);
  Counts counts() const { return descent_.counts(); }
  static Counts expected(const SoftmaxReluSpec&, const Params&);
  static Schedule schedule(const SoftmaxReluSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return descent_.promise(); }

 private:
  SoftmaxReluSpec spec_;
  WeightedA1<T> weighted_a1_;
  Descent<T> descent_;
};

}  // namespace breakeven::regression
