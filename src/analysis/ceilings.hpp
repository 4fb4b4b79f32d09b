#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// The ceiling that bounds a case: the largest of the times that its arithmetic, its memory traffic and its messages
/// would take at the machine's best, each alone.
struct Bound {
  std::string by;     ///< "arithmetic", "memory" or "network"
  double time_s = 0;  ///< no run on these ranks can be faster, by the method's model of its cost
  double share = 0;   ///< of the measured median; above 1 where a cache holds what the model takes from memory
};

/// Arithmetic: flops over the multiply-adds of the case's own launch (peak_flops). Memory: the model's bytes over the
/// read bandwidth of all hosts. Network: a rank's share of the payload over the best message bandwidth between hosts,
/// or within the host if there is one, plus one latency a message. The last two need ceilings measured on as many ranks
/// and hosts as the case; without them they are left out. None if the case has no time or no known cost.
std::optional<Bound> bound_of(const Record& record, const std::vector<Ceiling>& ceilings);

/// The study with the columns `bound_by` and `ceiling_share` in every record.
Study with_bounds(Study study);

}  // namespace breakeven
