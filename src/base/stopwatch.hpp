#pragma once

#include <chrono>

namespace breakeven {

/// Seconds since it was made, by this process's monotonic clock. Readings of two ranks are never compared.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace breakeven
