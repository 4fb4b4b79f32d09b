#pragma once

#include <optional>
#include <string>

namespace breakeven {

/// Names in a folder, each held by one process at a time of all hosts that see it: a locked byte of FOLDER/.lock. The
/// system frees what a process holds when it ends, however it ends; nothing that it starts inherits a lock, so that a
/// launcher which hangs keeps nobody out. A file system without locks has none, and the work goes on.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();  ///< frees every name
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// Takes the name, unless another holds it: then this says who. A name taken twice is taken.
  std::optional<std::string> take(const std::string& name) const;
  /// Takes it as soon as nobody else holds it.
  void wait_for(const std::string& name) const;

 private:
  int descriptor_ = -1;
};

}  // namespace breakeven
