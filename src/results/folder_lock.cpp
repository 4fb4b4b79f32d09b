#include "study/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace breakeven {
namespace {

std::string host_and_process() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = 0;
  return "process " + std::to_string(getpid()) + " on " + host.data();
}

std::string holder(int descriptor) {
  std::array<char, 320> text{};
  const ssize_t count = pread(descriptor, text.data(), text.size() - 1, 0);
  std::string name(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  for (char& c : name)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';  // a file's text must not steer the terminal
  return name;
}

}  // namespace

FolderLock::FolderLock(const std::string& folder, const std::string& name, IfHeld if_held) {
  // Without O_CLOEXEC: the launcher inherits the lock, so that it outlives a killed run until its ranks have ended.
  descriptor_ = open((folder + "/." + name + ".lock").c_str(), O_RDWR | O_CREAT, 0666);
  if (descriptor_ < 0) return;
  const int operation = if_held == IfHeld::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  int failed = flock(descriptor_, operation);
  while (failed != 0 && errno == EINTR) failed = flock(descriptor_, operation);
  if (failed != 0) {
    if (errno != EWOULDBLOCK) return;
    const std::string other = holder(descriptor_);
    close(descriptor_);
    throw BadRequest("out: another run is at work in " + folder + " (" + other + "); wait for its end");
  }
  const std::string mine = host_and_process();
  if (ftruncate(descriptor_, 0) == 0) [[maybe_unused]]
    const auto written = pwrite(descriptor_, mine.data(), mine.size(), 0);  // only a message needs it
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace breakeven
