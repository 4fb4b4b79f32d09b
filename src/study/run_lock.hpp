#pragma once

#include <string>

namespace breakeven {

/// Held while a run works in a folder: two at once would disturb each other's times and measure everything twice. The
/// system frees it when this process and the launch it started have ended, however they end. A file system without
/// locks has none, and the run goes on. Errors: BadRequest that names the holder.
class RunLock {
 public:
  explicit RunLock(const std::string& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace breakeven
