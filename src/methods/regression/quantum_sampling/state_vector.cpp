#include "methods/regression/quantum_sampling/state_vector.hpp"

#include <algorithm>
#include <cmath>

#include "methods/regression/query_ledger.hpp"
#include "numerics/amplitudes.hpp"

namespace breakeven::regression {

template <class T>
StateVector<T>::StateVector(const Communicator& comm, const QuantumSamplingSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      rows_(block(spec.n, comm.size(), comm.rank())),
      amplitudes_(static_cast<std::size_t>((spec.weighted() ? 2 : 1) * rows_.size())),
      start_(spec.weighted() ? amplitudes_.size() : 0),
      lengths_(static_cast<std::size_t>(comm.size()), 1),
      masses_(static_cast<std::size_t>(comm.size())) {
  marked_.reserve(static_cast<std::size_t>(spec.weighted() ? 0 : std::min(spec.marked, rows_.size())));
  solution_.outcome = Array<T>(1, rows_.size(), 1);
}

template <class T>
const QuantumSamplingSolution<T>& StateVector<T>::run(const QuantumSamplingProblem<T>& problem) {
  marked_.clear();
  for (Index i = 0; i < rows() && !spec_.weighted(); ++i)
    if (problem.weights(0, i, 0) > 0) marked_.push_back(i);
  if (!spec_.amplify_once()) {
    const MarkedCount count = spec_.search == "known" ? MarkedCount::known : MarkedCount::unknown;
    const auto attempt = [this](Index iterations, Index, double coin) {
      amplify(iterations);
      return measure(coin);
    };
    const SearchCost cost = find_all(spec_.n, spec_.marked, count, params_.draw, 0, attempt);
    counts_ = {cost.iterations, cost.attempts, cost.queries};
    report_found(problem);
    return solution_;
  }
  if (spec_.weighted())
    amplify_weighted(problem, spec_.iterations);
  else
    amplify(spec_.iterations);
  counts_ = expected_sampling(spec_, params_);
  report_probabilities();
  return solution_;
}

/// From the uniform state. The flip of an iteration is done at the end of the one before, when its sum is at hand.
template <class T>
void StateVector<T>::amplify(Index iterations) {
  const double n = static_cast<double>(spec_.n);
  const T start = static_cast<T>(1 / std::sqrt(n));
  std::fill(amplitudes_.begin(), amplitudes_.end(), start);
  double sum = static_cast<double>(rows()) * static_cast<double>(start);
  for (Index iteration = 0; iteration < iterations; ++iteration) {
    for (const Index item : marked_) {
      T& amplitude = amplitudes_[static_cast<std::size_t>(item)];
      amplitude = -amplitude;
      sum += 2 * static_cast<double>(amplitude);
    }
    const double twice_mean = 2 * comm_.all_reduce(sum) / n;
    sum = reflect_about_mean(amplitudes_.data(), rows(), static_cast<T>(twice_mean));
  }
}

/// From sum_i |i> (sqrt(p_i) |marked> + sqrt(1 - p_i) |not>) / sqrt(n).
template <class T>
void StateVector<T>::amplify_weighted(const QuantumSamplingProblem<T>& problem, Index iterations) {
  const double n = static_cast<double>(spec_.n);
  T* const marked = amplitudes_.data();
  T* const other = amplitudes_.data() + rows();
  const T *const start_marked = start_.data(), *const start_other = start_.data() + rows();
  for (Index i = 0; i < rows(); ++i) {
    const auto p = static_cast<double>(problem.weights(0, i, 0));
    start_[static_cast<std::size_t>(i)] = static_cast<T>(std::sqrt(p / n));
    start_[static_cast<std::size_t>(rows() + i)] = static_cast<T>(std::sqrt((1 - p) / n));
  }
  std::copy(start_.begin(), start_.end(), amplitudes_.begin());
  double overlap = squared_amplitudes(start_other, rows()) - squared_amplitudes(start_marked, rows());
  for (Index iteration = 0; iteration < iterations; ++iteration) {
    if (iteration == 0)  // later flips are part of the pass before them
      for (Index i = 0; i < rows(); ++i) marked[i] = -marked[i];
    const T twice_overlap = static_cast<T>(2 * comm_.all_reduce(overlap));
    const bool last = iteration + 1 == iterations;
    overlap = reflect_about(start_marked, marked, rows(), twice_overlap, last ? T(1) : T(-1));
    overlap += reflect_about(start_other, other, rows(), twice_overlap, T(1));
  }
}

/// Masses of all ranks decide, the same numbers everywhere; only the rank on whose mass the coin falls learns the item.
template <class T>
bool StateVector<T>::measure(double coin) {
  const auto mass_of = [this](Index item) {
    const auto amplitude = static_cast<double>(amplitudes_[static_cast<std::size_t>(item)]);
    return amplitude * amplitude;
  };
  double mine = 0;
  for (const Index item : marked_) mine += mass_of(item);
  comm_.all_gather(std::span<const double>(&mine, 1), lengths_, std::span<double>(masses_));
  double before = 0;
  for (std::size_t rank = 0; rank < masses_.size(); ++rank) {
    if (coin < before + masses_[rank]) {
      if (static_cast<int>(rank) != comm_.rank()) return true;
      auto found = marked_.begin();
      for (double sum = before + mass_of(*found); sum <= coin && found + 1 != marked_.end(); sum += mass_of(*found))
        ++found;
      marked_.erase(found);
      return true;
    }
    before += masses_[rank];
  }
  return false;
}

template <class T>
void StateVector<T>::report_probabilities() {
  double norm = squared_amplitudes(amplitudes_.data(), static_cast<Index>(amplitudes_.size()));
  for (Index i = 0; i < rows(); ++i) {
    const T amplitude = amplitudes_[static_cast<std::size_t>(i)];
    solution_.outcome(0, i, 0) = amplitude * amplitude;
  }
  solution_.norm = comm_.all_reduce(norm);
}

template <class T>
void StateVector<T>::report_found(const QuantumSamplingProblem<T>& problem) {
  std::copy(problem.weights.span().begin(), problem.weights.span().end(), solution_.outcome.data());
  for (const Index item : marked_) solution_.outcome(0, item, 0) = 0;
  solution_.norm = comm_.all_reduce(squared_amplitudes(amplitudes_.data(), rows()));
}

/// Reflections keep lengths, so rounding adds up: in units of the state's norm an iteration makes few roundings of an
/// amplitude (8 has room for those of the start state) and twice those of a sum, the flips included; an outcome's
/// variation is twice that at most, and its own sums and squares round once more.
template <class T>
Promise StateVector<T>::promise() const {
  Promise promise;
  promise.kind = Promise::Kind::certified;
  promise.metric = "error";
  promise.bound = 0;
  if (!spec_.amplify_once()) return promise;
  const Index largest_block = block(spec_.n, comm_.size(), 0).size();
  const auto in_sum = static_cast<double>(amplitude_sum_roundings(largest_block) +
                                          std::min(spec_.marked, largest_block) + comm_.size());
  const double unit = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const double an_iteration = 8 * unit + 2 * in_sum * 0x1p-53;
  promise.bound = 2 * static_cast<double>(spec_.iterations + 2) * an_iteration;
  return promise;
}

template <class T>
Schedule StateVector<T>::schedule(const QuantumSamplingSpec& spec, const Params&, const Counts& counts, int ranks,
                                  int rank) {
  const Index rows = block(spec.n, ranks, rank).size(), amplitudes = (spec.weighted() ? 2 : 1) * rows;
  const double entries = static_cast<double>(amplitudes), word = sizeof(T);
  const double flops = spec.weighted() ? 4 * entries : 2 * entries;
  const double bytes = (spec.weighted() ? 3 : 2) * entries * word;
  Schedule schedule;
  for (Index iteration = 0; iteration < counts.oracle_calls; ++iteration) {
    schedule.communicate(Operation::all_reduce, sizeof(double));
    schedule.compute(flops, bytes);
  }
  if (!spec.amplify_once())
    for (Index measurement = 0; measurement < counts.measurements; ++measurement)
      schedule.communicate(Operation::all_gather, sizeof(double));
  schedule.compute(2 * entries, entries * word);
  schedule.communicate(Operation::all_reduce, sizeof(double));
  const auto start = spec.weighted() ? amplitudes : 0, marked = spec.weighted() ? 0 : std::min(spec.marked, rows);
  return schedule.resident((amplitudes + start + rows) * static_cast<Index>(sizeof(T)) +
                           (marked + 2 * ranks) * static_cast<Index>(sizeof(double)));
}

template class StateVector<float>;
template class StateVector<double>;

}  // namespace breakeven::regression
