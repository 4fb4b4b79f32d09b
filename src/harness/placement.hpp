#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace breakeven {

/// Where the ranks of a launch run, read back from the system. Equal on all ranks.
struct Placement {
  std::vector<std::string> hosts;    ///< [rank]
  std::vector<std::string> cpusets;  ///< [rank], e.g. "0-3,8"
  std::vector<Index> free_bytes;     ///< [rank], memory available on the rank's host
  Index nodes = 1;
  bool oversubscribed = false;  ///< some host has more ranks than CPUs that its ranks may use

  /// Number of ranks on the host of `rank`.
  Index ranks_on_host_of(int rank) const;
};

/// Collective.
Placement read_placement(const Communicator& comm);

/// "0-3,8" for {0, 1, 2, 3, 8}, and back.
std::string cpu_list(const std::vector<int>& cpus);
std::vector<int> parse_cpu_list(const std::string& text);

/// Highest resident memory of this process since reset_peak_memory(), in bytes; -1 where the system does not tell.
Index peak_memory_bytes();
void reset_peak_memory();

/// Page faults of this thread that were served without reading a file: memory touched for the first time.
Index page_faults_so_far();

}  // namespace breakeven
