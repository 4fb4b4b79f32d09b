#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/index.hpp"

namespace breakeven {

/// A file that appears under its name whole or not at all: written under a temporary name in the same folder
/// (.NAME.PID.tmp), then synced, renamed, and the folder synced. Removed if it is never committed.
/// Errors: Failure with path and reason.
class TemporaryFile {
 public:
  /// Makes the folder if there is none. Creates no file.
  explicit TemporaryFile(std::string path);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  const std::string& temporary_path() const { return temporary_; }
  /// Fails now, with the system's own words, if there is no room for a file of this size: HDF5 1.10 does not survive
  /// finding that out while it closes a file. Where the file system cannot reserve, nothing is checked.
  void check_room(Index bytes) const;
  /// Puts the finished file in its place, over an older one of that name.
  void commit();

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

/// The temporary name that TemporaryFile uses for `path` in this process.
std::string temporary_path(const std::string& path);
bool is_temporary(const std::string& file_name);

/// Writes these bytes as `path`, by way of a TemporaryFile.
void write_durably(const std::string& path, std::span<const std::byte> bytes);

}  // namespace breakeven
