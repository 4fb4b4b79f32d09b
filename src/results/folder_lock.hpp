#pragma once

#include <string>

namespace breakeven {

/// Held by one process at a time, of all hosts that see the folder: FOLDER/.NAME.lock. The system frees it when this
/// process and the launch it started have ended, however they end. A file system without locks has none, and the work
/// goes on.
class FolderLock {
 public:
  enum class IfHeld {
    refuse,  ///< throws BadRequest that names the holder
    wait,
  };
  FolderLock(const std::string& folder, const std::string& name, IfHeld if_held);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace breakeven
