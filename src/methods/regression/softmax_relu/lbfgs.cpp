#include "methods/regression/softmax_relu/lbfgs.hpp"

#include "base/error.hpp"
#include "numerics/lbfgs.hpp"

namespace breakeven::regression {

template <class T>
void Lbfgs<T>::validate(const SoftmaxReluSpec&, const Params& params) {
  validate_limits<T>(params.tolerance, params.max_iterations);
  constexpr Index most_pairs = 10'000;  // memory is 2 d numbers a pair
  if (params.memory < 1 || params.memory > most_pairs)
    throw BadRequest("memory must be at least 1 and at most " + std::to_string(most_pairs) + ", got " +
                     std::to_string(params.memory));
}

template <class T>
Lbfgs<T>::Lbfgs(const Communicator& comm, const SoftmaxReluSpec& spec, const Params& params)
    : params_(params), descent_(comm, spec, {params.tolerance, params.max_iterations, true}) {}

template <class T>
const SoftmaxReluSolution<T>& Lbfgs<T>::run(const SoftmaxReluProblem<T>& problem) {
  Model<T>& model = descent_.model();
  descent_.begin(problem);
  std::vector<double> x(model.x().begin(), model.x().end());
  const auto evaluate = [&](std::span<const double> at, std::span<double> gradient) {
    model.move_to(at);
    const std::span<const double> there = model.gradient();
    std::copy(there.begin(), there.end(), gradient.begin());
    ++descent_.counts().evaluations;
    return model.loss();
  };
  std::string why_not;
  if (descent_.reduction() > 0) {
    const LbfgsOutcome outcome = minimise_lbfgs(x, {params_.memory, params_.max_iterations}, evaluate,
                                                [&](double gradient_norm) { return descent_.note(gradient_norm); });
    why_not = outcome.message;
  }
  std::vector<double> gradient(x.size());
  evaluate(x, gradient);  // the last trial of a failed line search was elsewhere
  descent_.finish(why_not);
  return descent_.solution();
}

template <class T>
SoftmaxReluCounts Lbfgs<T>::expected(const SoftmaxReluSpec&, const Params&) {
  Counts counts;
  counts.iterations = 40;
  counts.evaluations = 46;
  return counts;
}

template <class T>
Schedule Lbfgs<T>::schedule(const SoftmaxReluSpec& spec, const Params& params, const Counts& counts, int ranks,
                            int rank) {
  const ModelCost cost(spec, ranks, rank, sizeof(T));
  Schedule schedule;
  for (Index i = 0; i < counts.evaluations; ++i) {
    cost.move(schedule);
    cost.gradient(schedule);
  }
  schedule.compute(4 * static_cast<double>(params.memory * counts.iterations) * cost.d, 0);
  cost.definite(schedule);
  return schedule.resident(cost.resident_bytes() + (2 * params.memory + 4) * spec.d * Index{sizeof(double)});
}

template class Lbfgs<float>;
template class Lbfgs<double>;

}  // namespace breakeven::regression
