#include "results/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "results/provenance.hpp"

namespace breakeven {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what, int error) {
  throw Failure(path + ": " + what + ": " + std::strerror(error));
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string begin_of_temporary(const std::filesystem::path& path) {
  return std::string(".").append(path.filename().string()).append(".");
}

/// Whether the process that `owner` ("HOST.PID") names cannot be writing any more. Of another host only the time tells.
bool is_gone(std::string_view owner, const std::filesystem::path& file) {
  const std::size_t dot = owner.rfind('.');
  if (dot != std::string_view::npos && owner.substr(0, dot) == host_name()) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(owner.data() + dot + 1, owner.data() + owner.size(), pid);
    return parsed.ec == std::errc() && pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
  }
  std::error_code error;
  const auto written = std::filesystem::last_write_time(file, error);
  return !error && std::filesystem::file_time_type::clock::now() - written > std::chrono::hours(24);
}

/// Removes what killed writers of `path` left in its folder. What cannot be removed stays: it disturbs nobody.
void remove_abandoned(const std::filesystem::path& path) {
  const std::string begin = begin_of_temporary(path);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(path.string()), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!is_temporary(name) || !name.starts_with(begin)) continue;
    const std::string_view suffix = ".tmp";
    if (name.size() < begin.size() + suffix.size()) continue;
    const std::string owner = name.substr(begin.size(), name.size() - begin.size() - suffix.size());
    if (is_gone(owner, entry.path())) ::unlink(entry.path().c_str());
  }
}

}  // namespace

FileWriter::FileWriter(const std::string& path, int flags, std::string shown)
    : shown_(std::move(shown)), descriptor_(::open(path.c_str(), flags, 0666)) {
  if (descriptor_ < 0) fail(shown_, "cannot be opened", errno);
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(Index offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(shown_, "cannot be written", errno);
    offset += written;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void FileWriter::sync() const {
  int failed = 0;
  while ((failed = ::fsync(descriptor_)) != 0 && errno == EINTR) {
  }
  if (failed != 0 && errno != EINVAL && errno != ENOTSUP) fail(shown_, "cannot be synced", errno);
}

void FileWriter::reserve(Index bytes) const {
  int failed = 0;
  while ((failed = ::fallocate(descriptor_, 0, 0, bytes)) != 0 && errno == EINTR) {
  }
  if (failed != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
    fail(shown_, "has no room for " + std::to_string(bytes) + " bytes", errno);
}

void FileWriter::close() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail(shown_, "cannot be closed", errno);
}

std::string temporary_path(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string name = begin_of_temporary(whole) + host_name() + "." + std::to_string(::getpid()) + ".tmp";
  return (whole.parent_path() / name).string();
}

bool is_temporary(const std::string& file_name) {
  return file_name.starts_with('.') && file_name.ends_with(".tmp");
}

TemporaryFile::TemporaryFile(std::string path) : path_(std::move(path)), temporary_(breakeven::temporary_path(path_)) {
  std::error_code error;
  std::filesystem::create_directories(folder_of(path_), error);
  if (error) throw Failure(folder_of(path_) + ": cannot make the folder: " + error.message());
  const auto status = std::filesystem::status(path_, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw Failure(path_ + ": is there and is no regular file");
  remove_abandoned(path_);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), committed_(other.committed_) {
  other.committed_ = true;
}

TemporaryFile::~TemporaryFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void TemporaryFile::check_room(Index bytes) const {
  constexpr Index headers = 1 << 16;
  FileWriter probe(temporary_, O_WRONLY | O_CREAT | O_TRUNC, path_);
  probe.reserve(bytes + headers);
  probe.close();
  ::unlink(temporary_.c_str());
}

void TemporaryFile::reserve(Index bytes) const {
  FileWriter file(temporary_, O_WRONLY, path_);
  file.reserve(bytes);
  file.close();
}

void TemporaryFile::write(std::span<const std::byte> bytes) const {
  FileWriter output(temporary_, O_WRONLY | O_CREAT | O_TRUNC, path_);
  output.write(0, bytes);
  output.sync();
  output.close();
}

void TemporaryFile::commit() {
  FileWriter file(temporary_, O_RDONLY, path_);
  file.sync();
  file.close();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be put in its place", errno);
  committed_ = true;
  FileWriter folder(folder_of(path_), O_RDONLY | O_DIRECTORY, folder_of(path_));
  folder.sync();
  folder.close();
}

void write_durably(const std::string& path, std::span<const std::byte> bytes) {
  TemporaryFile file(path);
  file.write(bytes);
  file.commit();
}

void write_durably(const std::vector<NamedBytes>& files) {
  std::vector<TemporaryFile> written;
  for (const NamedBytes& file : files) written.emplace_back(file.path).write(file.bytes);
  for (TemporaryFile& file : written) file.commit();
}

void require_writable(const std::string& folder) {
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw BadRequest(folder + ": no file can be made there: " + std::strerror(errno));
}

}  // namespace breakeven
