#include "methods/regression/softmax_relu/fixed_factor.hpp"

namespace breakeven::regression {

template <class T>
void FixedFactor<T>::validate(const SoftmaxReluSpec&, const Params& params) {
  validate_limits<T>(params.tolerance, params.max_iterations);
}

template <class T>
FixedFactor<T>::FixedFactor(const Communicator& comm, const SoftmaxReluSpec& spec, const Params& params)
    : spec_(spec),
      weighted_a1_(comm, spec),
      descent_(comm, spec, {params.tolerance, params.max_iterations, params.damping == "armijo"}) {}

template <class T>
const SoftmaxReluSolution<T>& FixedFactor<T>::run(const SoftmaxReluProblem<T>& problem) {
  const std::optional<Array<double>> r = weighted_a1_.exact_factor(problem);
  descent_.minimise(problem, [&](std::span<const double> gradient, std::string& why_not) -> std::optional<Step> {
    if (!r) {
      why_not = "A1'W^2A1 is not positive definite to working precision";
      return std::nullopt;
    }
    return Step{descend(*r, gradient), 1};
  });
  descent_.counts().factorisations = 1;
  return descent_.solution();
}

template <class T>
SoftmaxReluCounts FixedFactor<T>::expected(const SoftmaxReluSpec&, const Params&) {
  Counts counts;
  counts.iterations = 20;
  counts.evaluations = 21;
  counts.factorisations = 1;
  return counts;
}

template <class T>
Schedule FixedFactor<T>::schedule(const SoftmaxReluSpec& spec, const Params&, const Counts& counts, int ranks,
                                  int rank) {
  const ModelCost cost(spec, ranks, rank, sizeof(T));
  Schedule schedule;
  WeightedA1<T>::add_exact_factor(schedule, cost);
  add_descent(schedule, cost, counts);
  return schedule.resident(cost.resident_bytes() + WeightedA1<T>::resident_bytes(cost, 0));
}

template class FixedFactor<float>;
template class FixedFactor<double>;

}  // namespace breakeven::regression
