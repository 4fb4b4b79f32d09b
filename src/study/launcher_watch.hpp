#pragma once

#include <sys/types.h>

#include <string>

#include "base/stopwatch.hpp"

namespace breakeven {

/// Notices a launcher of Open MPI that will never end: its main thread waits for one and the same lock. In its normal
/// life that thread sleeps in poll(). After a rank has been killed, the launcher of Open MPI 4.1 with PMIx 4.2 now and
/// then reports the death, ends the other ranks and then hangs on the way out, in PMIx_server_finalize().
/// Other launchers (srun, for one) may wait for locks and are never suspected; nor is anything where the system does
/// not show system calls.
class LauncherWatch {
 public:
  explicit LauncherWatch(pid_t launcher, double patience_s = 10);
  /// To be asked every second or so.
  bool is_stuck();

 private:
  pid_t launcher_;
  double patience_s_;
  std::string waits_for_;
  Stopwatch since_;
};

}  // namespace breakeven
