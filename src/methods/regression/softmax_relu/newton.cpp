#include "methods/regression/softmax_relu/newton.hpp"

#include "numerics/definite_solve.hpp"

namespace breakeven::regression {

template <class T>
void Newton<T>::validate(const SoftmaxReluSpec&, const Params& params) {
  validate_limits<T>(params.tolerance, params.max_iterations);
}

template <class T>
Newton<T>::Newton(const Communicator& comm, const SoftmaxReluSpec& spec, const Params& params)
    : spec_(spec), descent_(comm, spec, {params.tolerance, params.max_iterations, true}) {}

template <class T>
const SoftmaxReluSolution<T>& Newton<T>::run(const SoftmaxReluProblem<T>& problem) {
  descent_.minimise(problem, [&](std::span<const double> gradient, std::string&) -> std::optional<Step> {
    DefiniteSolution newton = solve_definite(descent_.model().hessian(), gradient);
    ++descent_.counts().hessian_builds;
    if (newton.modified) ++descent_.counts().modified_steps;
    for (double& entry : newton.x) entry = -entry;
    return Step{std::move(newton.x), 1};
  });
  return descent_.solution();
}

template <class T>
SoftmaxReluCounts Newton<T>::expected(const SoftmaxReluSpec&, const Params&) {
  Counts counts;
  counts.iterations = counts.hessian_builds = 6;
  counts.evaluations = 7;
  return counts;
}

template <class T>
Schedule Newton<T>::schedule(const SoftmaxReluSpec& spec, const Params&, const Counts& counts, int ranks, int rank) {
  const ModelCost cost(spec, ranks, rank, sizeof(T));
  Schedule schedule;
  add_descent(schedule, cost, counts);
  for (Index i = 0; i < counts.hessian_builds; ++i) {
    cost.hessian(schedule);
    schedule.compute(cost.d * cost.d * cost.d / 3, cost.d * cost.d * sizeof(double));
  }
  return schedule.resident(cost.resident_bytes() + 3 * spec.d * spec.d * Index{sizeof(double)});
}

template class Newton<float>;
template class Newton<double>;

}  // namespace breakeven::regression
