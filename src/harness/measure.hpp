#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "harness/record.hpp"

namespace breakeven {

struct Protocol {
  Index repetitions = 15;  ///< at most
  Index warmup = 2;        ///< at most; warm-up takes at most a tenth of the budget, but one repetition is always made
  double budget_s = 60;    ///< a case
};

/// One thing to time: `run` is collective, `traffic` the counters of the communicator it uses.
struct Timed {
  std::function<void()> run;
  std::function<const Traffic&()> traffic;
};

struct Measurement {
  std::vector<Sample> samples;                 ///< warm-up included and marked; launch is left to the caller
  std::vector<std::vector<double>> elapsed_s;  ///< [timed repetition][rank]
  std::string stop_reason;                     ///< interval, repetitions or budget

  std::vector<double> timed_completions() const;
};

/// A signal asked for the end; thrown on all ranks after the repetition in hand.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted by a signal; run the same command again to complete it") {}
};

/// Times all of `timed` interleaved: in every repetition each takes its turn, in an order shuffled by Philox. Each rank
/// reads its own monotonic clock around run(), after a barrier; completion is the maximum over ranks, and no barrier is
/// inside. One that has reached a narrow interval (half width 2 % of the median), its repetitions or its budget drops
/// out; all ranks decide from the same gathered numbers. Collective on `comm`, which `timed` must not use.
std::vector<Measurement> measure(const Communicator& comm, const std::vector<Timed>& timed, const Protocol& protocol,
                                 std::uint64_t seed);

}  // namespace breakeven
