#include "torch_worker.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace breakeven::peers {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Failure("torch: " + what + ": " + std::strerror(errno));
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// This process's environment with one thread, and with or without huge pages for the C library's large blocks.
std::vector<std::string> environment_of(Heap heap) {
  std::vector<std::string> variables{"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"};
  if (heap == Heap::warm) variables.emplace_back("GLIBC_TUNABLES=glibc.malloc.hugetlb=1");
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    if (!variable.starts_with("OMP_NUM") && !variable.starts_with("OPENBLAS_NUM") && !variable.starts_with("MALLOC_") &&
        !variable.starts_with("GLIBC_TUNABLES"))
      variables.push_back(variable);
  }
  return variables;
}

}  // namespace

TorchWorker::TorchWorker(Heap heap, const std::vector<std::string>& arguments, std::size_t bytes)
    : bytes_(std::max<std::size_t>(bytes, 1)) {
  const int shared = memfd_create("breakeven-torch", MFD_CLOEXEC);
  if (shared < 0 || ftruncate(shared, static_cast<off_t>(bytes_)) != 0) fail("cannot make shared memory");
  void* const mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
  if (mapped == MAP_FAILED) fail("cannot map shared memory");
  memory_ = static_cast<std::byte*>(mapped);
  std::memset(memory_, 0, bytes_);  // touched in set-up

  std::array<int, 2> to{}, from{};
  // A socket to the worker: writing to a dead one is then an error and no signal.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to.data()) != 0 || pipe2(from.data(), O_CLOEXEC) != 0)
    fail("cannot make a pipe");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, from[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, shared, 3);
  std::vector<std::string> words{"/usr/bin/python3", BREAKEVEN_TORCH_WORKER};  // the one that Debian's packages are for
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_of(heap);
  const int error = posix_spawn(&process_, words.front().c_str(), &files, nullptr, pointers(words).data(),
                                pointers(variables).data());
  posix_spawn_file_actions_destroy(&files);
  close(to[0]);
  close(from[1]);
  close(shared);
  to_worker_ = to[1];
  from_worker_ = from[0];
  if (error != 0) process_ = -1;
  try {
    if (error != 0) throw Failure("torch: cannot start " + words.front() + ": " + std::strerror(error));
    expect("ready");
  } catch (...) {
    end();
    throw;
  }
}

TorchWorker::~TorchWorker() {
  end();
}

void TorchWorker::end() {
  close(to_worker_);  // its stdin ends, and so does it
  close(from_worker_);
  if (process_ > 0)
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  munmap(memory_, bytes_);
}

void TorchWorker::run() {
  ssize_t written = 0;
  do written = send(to_worker_, "\n", 1, MSG_NOSIGNAL);
  while (written < 0 && errno == EINTR);
  if (written != 1) fail("the worker does not listen");
  expect("done");
}

void TorchWorker::expect(const std::string& answer) {
  std::string line;
  for (char c = 0; c != '\n';) {
    const ssize_t count = read(from_worker_, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Failure("torch: the worker has ended" + (line.empty() ? "" : ", saying: " + line));
    if (c != '\n') line += c;
  }
  if (line != answer) throw Failure("torch: " + line);
}

}  // namespace breakeven::peers
