#include "results/folder_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/sha256.hpp"
#include "results/provenance.hpp"

namespace breakeven {
namespace {

/// Which byte of the file stands for a name: 60 bits of its SHA-256. A byte may be locked that no file reaches.
off_t byte_of(const std::string& name) {
  return static_cast<off_t>(std::stoull(sha256(name).substr(0, 15), nullptr, 16));
}

/// What the file does hold: who took which name last, in a slot that names share. Only messages need it.
constexpr std::size_t slot_bytes = 128;

off_t slot_of(const std::string& name) {
  constexpr off_t slots = 1024;
  return byte_of(name) % slots * static_cast<off_t>(slot_bytes);
}

void note_holder(int descriptor, const std::string& name) {
  std::string text = name + ": process " + std::to_string(getpid()) + " on " + host_name();
  text.resize(slot_bytes - 1, ' ');
  text += '\n';
  [[maybe_unused]] const auto written = pwrite(descriptor, text.data(), text.size(), slot_of(name));
}

std::string holder(int descriptor, const std::string& name) {
  std::array<char, slot_bytes> slot{};
  const ssize_t count = pread(descriptor, slot.data(), slot.size(), slot_of(name));
  std::string text(slot.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (!text.starts_with(name + ": ")) return "an unknown process";
  text = text.substr(name.size() + 2, text.find_last_not_of(" \n") - name.size() - 1);
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20; }, ' ');  // it must not steer the terminal
  return text;
}

/// False if another holds the byte. The lock is one of the open file, which no other code of this process can drop by
/// closing the same file, as it could with a lock of the process.
bool lock(int descriptor, off_t byte, int command) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  while (fcntl(descriptor, command, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno != EINTR) break;  // no locks here
  }
  return true;
}

}  // namespace

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::optional<std::string> FolderLock::take(const std::string& name) const {
  if (!lock(descriptor_, byte_of(name), F_OFD_SETLK)) return holder(descriptor_, name);
  note_holder(descriptor_, name);
  return std::nullopt;
}

void FolderLock::wait_for(const std::string& name) const {
  lock(descriptor_, byte_of(name), F_OFD_SETLKW);
  note_holder(descriptor_, name);
}

}  // namespace breakeven
