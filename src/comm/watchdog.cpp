#include "comm/watchdog.hpp"

#include <chrono>
#include <cstdio>

namespace breakeven {

Watchdog::Watchdog(const Communicator& comm, double timeout_s) : comm_(comm), timeout_s_(timeout_s) {
  if (comm.is_root()) thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watchdog::restart(const std::string& what) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    what_ = what;
    ++phase_;
  }
  wake_.notify_one();
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    const Index watched = phase_;
    const bool moved_on =
        wake_.wait_for(lock, std::chrono::duration<double>(timeout_s_), [&] { return ended_ || phase_ != watched; });
    if (moved_on || watched == 0) continue;  // phase 0: nothing has begun
    std::fprintf(stderr, "breakeven: %s took longer than %g s; raise --timeout if it only needs more time\n",
                 what_.c_str(), timeout_s_);
    std::fflush(nullptr);
    comm_.abort(1);
  }
}

}  // namespace breakeven
