#include "results/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"

namespace breakeven {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what, int error) {
  throw Failure(path + ": " + what + ": " + std::strerror(error));
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// A file descriptor whose close is checked on the good path and done anyway on the bad one.
class Descriptor {
 public:
  /// `shown` is the name that messages give: the one the user knows.
  Descriptor(const std::string& path, int flags, std::string shown)
      : shown_(std::move(shown)), descriptor_(::open(path.c_str(), flags, 0666)) {
    if (descriptor_ < 0) fail(shown_, "cannot be opened", errno);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(shown_, "cannot be written", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  /// Some file systems cannot sync a folder and say so; that is no loss of data we could prevent.
  void sync() const {
    if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(shown_, "cannot be synced", errno);
  }
  void reserve(Index bytes) const {
    if (::fallocate(descriptor_, 0, 0, bytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
      fail(shown_, "has no room for " + std::to_string(bytes) + " bytes", errno);
  }
  void close() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) fail(shown_, "cannot be closed", errno);
  }

 private:
  std::string shown_;
  int descriptor_;
};

}  // namespace

std::string temporary_path(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string name =
      std::string(".").append(whole.filename().string()).append(".") + std::to_string(::getpid()) + ".tmp";
  return (whole.parent_path() / name).string();
}

bool is_temporary(const std::string& file_name) {
  return file_name.starts_with('.') && file_name.ends_with(".tmp");
}

TemporaryFile::TemporaryFile(std::string path) : path_(std::move(path)), temporary_(breakeven::temporary_path(path_)) {
  std::error_code error;
  std::filesystem::create_directories(folder_of(path_), error);
  if (error) throw Failure(folder_of(path_) + ": cannot make the folder: " + error.message());
}

TemporaryFile::~TemporaryFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void TemporaryFile::check_room(Index bytes) const {
  constexpr Index headers = 1 << 16;
  Descriptor probe(temporary_, O_WRONLY | O_CREAT | O_TRUNC, path_);
  probe.reserve(bytes + headers);
  probe.close();
  ::unlink(temporary_.c_str());
}

void TemporaryFile::commit() {
  Descriptor file(temporary_, O_RDONLY, path_);
  file.sync();
  file.close();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be put in its place", errno);
  committed_ = true;
  Descriptor folder(folder_of(path_), O_RDONLY | O_DIRECTORY, folder_of(path_));
  folder.sync();
  folder.close();
}

void write_durably(const std::string& path, std::span<const std::byte> bytes) {
  TemporaryFile file(path);
  Descriptor output(file.temporary_path(), O_WRONLY | O_CREAT | O_TRUNC, path);
  output.write(bytes);
  output.close();
  file.commit();
}

}  // namespace breakeven
