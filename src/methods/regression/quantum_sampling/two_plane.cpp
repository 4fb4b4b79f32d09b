#include "methods/regression/quantum_sampling/two_plane.hpp"

#include <cmath>

#include "methods/regression/query_ledger.hpp"

namespace breakeven::regression {

template <class T>
TwoPlane<T>::TwoPlane(const Communicator& comm, const QuantumSamplingSpec& spec, const Params& params)
    : comm_(comm), spec_(spec), params_(params) {
  solution_.outcome = Array<T>(1, block(spec.n, comm.size(), comm.rank()).size(), 1);
}

template <class T>
const QuantumSamplingSolution<T>& TwoPlane<T>::run(const QuantumSamplingProblem<T>& problem) {
  if (spec_.amplify_once())
    amplify(problem);
  else
    search(problem);
  return solution_;
}

template <class T>
void TwoPlane<T>::amplify(const QuantumSamplingProblem<T>& problem) {
  double weight = static_cast<double>(spec_.marked);
  if (spec_.weighted()) {
    weight = 0;
    for (const T entry : problem.weights.span()) weight += static_cast<double>(entry);
    weight = comm_.all_reduce(weight);
  }
  const double theta = search_angle(static_cast<double>(spec_.n), weight);
  const double cosine = std::cos(2 * theta), sine = std::sin(2 * theta);
  double marked = std::sin(theta), other = std::cos(theta);
  for (Index iteration = 0; iteration < spec_.iterations; ++iteration) {
    const double turned = marked * cosine + other * sine;
    other = other * cosine - marked * sine;
    marked = turned;
  }

  const double for_weight = marked * marked / weight;
  const double unmarked = static_cast<double>(spec_.n) - weight;
  const double for_other = spec_.weighted() || unmarked <= 0 ? 0 : other * other / unmarked;
  for (Index i = 0; i < problem.weights.rows(); ++i) {
    const auto p = static_cast<double>(problem.weights(0, i, 0));
    solution_.outcome(0, i, 0) = static_cast<T>(p > 0 ? for_weight * p : for_other);
  }
  solution_.norm = marked * marked + other * other;
  counts_ = expected_sampling(spec_, params_);
}

/// Which of the marked items a success finds is a matter of symmetry, and the search ends when it has all of them.
template <class T>
void TwoPlane<T>::search(const QuantumSamplingProblem<T>& problem) {
  const MarkedCount count = spec_.search == "known" ? MarkedCount::known : MarkedCount::unknown;
  const SearchCost cost = find_all(spec_.n, spec_.marked, count, params_.draw, 0, two_plane_attempt(spec_.n));
  counts_ = {cost.iterations, cost.attempts, cost.queries};
  std::copy(problem.weights.span().begin(), problem.weights.span().end(), solution_.outcome.data());
  solution_.norm = 1;
}

template <class T>
Promise TwoPlane<T>::promise() const {
  // A rotation rounds four times, the angle is off by an ulp of 2 theta a step; then the outcome is rounded to T.
  const double iterations = spec_.amplify_once() ? static_cast<double>(spec_.iterations) : 0;
  Promise promise;
  promise.kind = Promise::Kind::certified;
  promise.metric = "error";
  promise.bound = spec_.amplify_once()
                      ? 8 * (iterations + 4) * 0x1p-53 + 2 * static_cast<double>(std::numeric_limits<T>::epsilon())
                      : 0;
  if (spec_.weighted()) promise.bound += static_cast<double>(spec_.n) * 0x1p-53;  // the sum of weights
  return promise;
}

template <class T>
Schedule TwoPlane<T>::schedule(const QuantumSamplingSpec& spec, const Params&, const Counts& counts, int ranks,
                               int rank) {
  const auto rows = static_cast<double>(block(spec.n, ranks, rank).size());
  const double word = sizeof(T);
  Schedule schedule;
  if (spec.weighted()) {
    schedule.compute(rows, rows * word);
    schedule.communicate(Operation::all_reduce, sizeof(double));
  }
  const double flops_an_iteration = 6;
  const auto steps = static_cast<double>(spec.amplify_once() ? counts.oracle_calls : counts.measurements);
  schedule.compute(flops_an_iteration * steps + rows, 2 * rows * word);
  return schedule.resident(block(spec.n, ranks, rank).size() * static_cast<Index>(sizeof(T)));
}

template class TwoPlane<float>;
template class TwoPlane<double>;

}  // namespace breakeven::regression
