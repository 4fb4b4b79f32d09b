#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// A file descriptor whose close is checked on the good path and done anyway on the bad one.
/// Errors: Failure with the name that the user knows and the system's reason.
class FileWriter {
 public:
  /// `flags` as of open(); `shown` is the name that messages give.
  FileWriter(const std::string& path, int flags, std::string shown);
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  void write(Index offset, std::span<const std::byte> bytes) const;
  /// Some file systems cannot sync a folder and say so; that is no loss of data we could prevent.
  void sync() const;
  /// Sets blocks aside where the file system can.
  void reserve(Index bytes) const;
  void close();

 private:
  std::string shown_;
  int descriptor_;
};

/// A file that appears under its name whole or not at all: written under a temporary name in the same folder
/// (.NAME.HOST.PID.tmp), then synced, renamed, and the folder synced. Removed if it is never committed; what a killed
/// process left behind is removed by the next writer of that name.
/// Errors: Failure with path and reason.
class TemporaryFile {
 public:
  /// Makes the folder if there is none. Creates no file. Refuses a name that stands for a device, a pipe or a folder.
  explicit TemporaryFile(std::string path);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  const std::string& temporary_path() const { return temporary_; }
  /// Fails now, with the system's own words, if there is no room for a file of this size: HDF5 1.10 does not survive
  /// finding that out while it closes a file. Where the file system cannot reserve, nothing is checked.
  void check_room(Index bytes) const;
  /// The same for the file that is being written: its blocks are set aside, its content stays.
  void reserve(Index bytes) const;
  /// Writes these bytes as the whole content.
  void write(std::span<const std::byte> bytes) const;
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

/// Contents of a file, and where they go.
struct NamedBytes {
  std::string path;
  std::vector<std::byte> bytes;
};
/// All of them or, short of a death between two renames, none: each is written and synced before the first is renamed.
void write_durably(const std::vector<NamedBytes>& files);

/// Throws BadRequest with the system's reason unless files can be made in this folder: read-only file systems and
/// missing permissions are then known before anything is measured.
void require_writable(const std::string& folder);

}  // namespace breakeven
