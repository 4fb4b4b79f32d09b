#include "harness/measure.hpp"

#include <algorithm>
#include <cstdint>

#include "base/philox.hpp"
#include "base/statistics.hpp"
#include "base/stopwatch.hpp"
#include "harness/interruption.hpp"
#include "harness/placement.hpp"

namespace breakeven {
namespace {

constexpr Stream order_stream{101};
constexpr double narrow = 0.02;            // half width of the interval, relative to the median
constexpr std::size_t fewest_samples = 6;  // below, no interval covers 95 %

/// One repetition as all ranks saw it.
struct Observation {
  std::vector<double> elapsed_s, comm_s;  // [rank]
  Index page_faults = 0;                  // of all ranks
  bool interrupted = false;

  std::size_t slowest() const {
    return static_cast<std::size_t>(std::max_element(elapsed_s.begin(), elapsed_s.end()) - elapsed_s.begin());
  }
};

Observation observe(const Communicator& comm, const Timed& timed) {
  const double comm_before = timed.traffic().seconds();
  comm.barrier();
  const Index faults_before = page_faults_so_far();
  const Stopwatch watch;
  timed.run();
  const double elapsed = watch.seconds();

  const std::array<double, 4> mine{elapsed, timed.traffic().seconds() - comm_before,
                                   interruption_requested() ? 1.0 : 0.0,
                                   static_cast<double>(page_faults_so_far() - faults_before)};
  std::vector<double> all(mine.size() * static_cast<std::size_t>(comm.size()));
  const std::vector<Index> lengths(static_cast<std::size_t>(comm.size()), static_cast<Index>(mine.size()));
  comm.all_gather<double>(mine, lengths, all);
  Observation seen;
  for (std::size_t at = 0; at < all.size(); at += mine.size()) {
    seen.elapsed_s.push_back(all[at]);
    seen.comm_s.push_back(all[at + 1]);
    seen.interrupted = seen.interrupted || all[at + 2] > 0;
    seen.page_faults += static_cast<Index>(all[at + 3]);
  }
  return seen;
}

Sample to_sample(const Observation& seen, bool warmup, Index repetition, Index order) {
  const std::size_t slowest = seen.slowest();
  Sample sample;
  sample.warmup = warmup;
  sample.repetition = repetition;
  sample.order = order;
  sample.page_faults = seen.page_faults;
  sample.completion_s = seen.elapsed_s[slowest];
  sample.comm_s = std::min(seen.comm_s[slowest], sample.completion_s);
  sample.compute_s = sample.completion_s - sample.comm_s;
  return sample;
}

/// Why this one has been measured enough, or "" to go on.
std::string reason_to_stop(const Measurement& measurement, const Protocol& protocol, double spent_s) {
  const std::vector<double> times = measurement.timed_completions();
  if (times.empty()) return "";
  if (static_cast<Index>(times.size()) >= protocol.repetitions) return "repetitions";
  if (times.size() >= fewest_samples) {
    const MedianInterval interval = median_interval(times);
    if (interval.high - interval.low <= 2 * narrow * interval.median) return "interval";
  }
  return spent_s + median(times) > protocol.budget_s ? "budget" : "";
}

}  // namespace

std::vector<double> Measurement::timed_completions() const {
  std::vector<double> times;
  for (const Sample& sample : samples)
    if (!sample.warmup) times.push_back(sample.completion_s);
  return times;
}

std::vector<Measurement> measure(const Communicator& comm, const std::vector<Timed>& timed, const Protocol& protocol,
                                 std::uint64_t seed) {
  const Philox random(seed, order_stream);
  std::vector<Measurement> measurements(timed.size());
  std::vector<double> spent_s(timed.size(), 0);
  std::vector<bool> warm(timed.size(), protocol.warmup == 0);
  const auto active = [&](const Measurement& m) { return m.stop_reason.empty(); };

  for (Index round = 0; std::any_of(measurements.begin(), measurements.end(), active); ++round) {
    const std::vector<Index> order = permutation(random, static_cast<Index>(timed.size()), round);
    for (std::size_t position = 0; position < order.size(); ++position) {
      const auto which = static_cast<std::size_t>(order[position]);
      Measurement& measurement = measurements[which];
      if (!active(measurement)) continue;
      const bool warmup = !warm[which];
      const Observation seen = observe(comm, timed[which]);
      if (seen.interrupted) throw Interrupted();
      const auto repetition = warmup ? round : static_cast<Index>(measurement.elapsed_s.size());
      measurement.samples.push_back(to_sample(seen, warmup, repetition, static_cast<Index>(position)));
      if (!warmup) measurement.elapsed_s.push_back(seen.elapsed_s);
      spent_s[which] += measurement.samples.back().completion_s;
      warm[which] = warm[which] || round + 1 >= protocol.warmup || spent_s[which] > protocol.budget_s / 10;
      measurement.stop_reason = reason_to_stop(measurement, protocol, spent_s[which]);
    }
  }
  return measurements;
}

}  // namespace breakeven
