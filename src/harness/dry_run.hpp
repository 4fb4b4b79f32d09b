#pragma once

#include <string>
#include <vector>

#include "harness/experiment.hpp"

namespace breakeven {

/// Bytes per rank, flops and messages of every case by the methods' own schedules, without running anything.
std::string dry_run_table(const std::vector<Group>& groups, int ranks);

}  // namespace breakeven
