#pragma once

#include <string>
#include <vector>

namespace breakeven {

/// Physical cores behind these logical CPUs: Open MPI counts cores as slots, not hardware threads.
/// `cpu_folder` is /sys/devices/system/cpu; a CPU without topology there counts as a core of its own.
int count_cores(const std::vector<int>& cpus, const std::string& cpu_folder);

/// Cores that this process may run on, at least 1.
int cores_of_this_machine();

}  // namespace breakeven
