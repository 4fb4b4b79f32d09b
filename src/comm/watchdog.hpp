#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "comm/communicator.hpp"

namespace breakeven {

/// Ends the job when a phase takes longer than allowed: a hang becomes one line and exit code 1.
/// Lives on rank 0 only (elsewhere it does nothing); its thread sleeps and touches MPI only to abort.
class Watchdog {
 public:
  Watchdog(const Communicator& comm, double timeout_s);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// A new phase begins; its time counts from now. `what` appears in the message.
  void restart(const std::string& what);

 private:
  void watch();

  Communicator comm_;
  double timeout_s_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string what_;
  Index phase_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace breakeven
