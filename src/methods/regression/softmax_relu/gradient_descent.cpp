#include "methods/regression/softmax_relu/gradient_descent.hpp"

namespace breakeven::regression {

template <class T>
void GradientDescent<T>::validate(const SoftmaxReluSpec&, const Params& params) {
  validate_limits<T>(params.tolerance, params.max_iterations);
}

template <class T>
GradientDescent<T>::GradientDescent(const Communicator& comm, const SoftmaxReluSpec& spec, const Params& params)
    : descent_(comm, spec, {params.tolerance, params.max_iterations, true}) {}

template <class T>
const SoftmaxReluSolution<T>& GradientDescent<T>::run(const SoftmaxReluProblem<T>& problem) {
  descent_.minimise(problem, [&](std::span<const double> gradient, std::string&) -> std::optional<Step> {
    std::vector<double> p(gradient.begin(), gradient.end());
    for (double& entry : p) entry = -entry;
    return Step{std::move(p), 2 * descent_.last_length()};
  });
  return descent_.solution();
}

template <class T>
SoftmaxReluCounts GradientDescent<T>::expected(const SoftmaxReluSpec&, const Params&) {
  Counts counts;
  counts.iterations = 100;
  counts.evaluations = 200;
  return counts;
}

template <class T>
Schedule GradientDescent<T>::schedule(const SoftmaxReluSpec& spec, const Params&, const Counts& counts, int ranks,
                                      int rank) {
  const ModelCost cost(spec, ranks, rank, sizeof(T));
  Schedule schedule;
  add_descent(schedule, cost, counts);
  return schedule.resident(cost.resident_bytes());
}

template class GradientDescent<float>;
template class GradientDescent<double>;

}  // namespace breakeven::regression
