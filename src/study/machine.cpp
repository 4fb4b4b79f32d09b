#include "study/machine.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>

namespace breakeven {

int count_cores(const std::vector<int>& cpus, const std::string& cpu_folder) {
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    const std::string topology = cpu_folder + "/cpu" + std::to_string(cpu) + "/topology/";
    std::string package, core;
    std::ifstream(topology + "physical_package_id") >> package;
    std::ifstream(topology + "core_id") >> core;
    cores.insert(core.empty() ? "cpu " + std::to_string(cpu) : package + ":" + core);
  }
  return static_cast<int>(cores.size());
}

int cores_of_this_machine() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) cpus.push_back(cpu);
  return std::max(count_cores(cpus, "/sys/devices/system/cpu"), 1);
}

}  // namespace breakeven
