#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/placement.hpp"
#include "harness/record.hpp"

namespace breakeven {

/// A ceiling that a rank measures by itself.
struct LocalCeiling {
  std::string quantity;
  std::string unit;
  bool adds_up = true;  ///< the ranks of a host share the work; otherwise the largest of their values counts
  std::function<double()> measure;
};

/// Two ranks between which messages are timed.
struct MessagePair {
  std::string host;  ///< of both, or "a - b"
  int from = 0, to = 0;
  bool operator==(const MessagePair&) const = default;
};
/// The first two ranks of each host that has two, then the first rank and the first on another host. Pure.
std::vector<MessagePair> message_pairs(const std::vector<std::string>& hosts);

/// What this machine reaches with these ranks: each local ceiling on all ranks at once, one value a host; the time of a
/// message within each host and between two; the time of an all-reduce. `begin` is told what is measured next.
/// Collective, equal on all ranks.
std::vector<Ceiling> calibrate(
    const Communicator& comm, const Placement& placement, const std::vector<LocalCeiling>& local, Index launch,
    const std::function<void(const std::string&)>& begin = [](const std::string&) {});

/// Whether these were measured by as many ranks on each of as many hosts; which hosts those were does not matter.
bool measured_on(const std::vector<Ceiling>& ceilings, const Placement& placement);

/// "239 Gflop/s", "1.5 us"
std::string value_text(const Ceiling& ceiling);

/// One line a ceiling, for a reader.
std::string ceilings_table(const std::vector<Ceiling>& ceilings);

}  // namespace breakeven
