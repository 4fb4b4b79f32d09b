#include "probe.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "results/checksum.hpp"
#include "results/foreign_file.hpp"
#include "results/h5.hpp"
#include "results/input_file.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

constexpr Index bytes_per_second = 50'000'000;  // far below what any file system and any filter delivers
constexpr Index least_s = 3;
constexpr int foreign =
    10;  // the probe's exit code where the file is not ours; what else is wrong has the user's codes

/// The probe may compute this much longer; blocked for a multiple of it, on a file that never answers, it ends too.
void allow(Index bytes) {
  static Index allowed_s = least_s;  // of this process: the limits below are too
  allowed_s += bytes / bytes_per_second;
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = static_cast<rlim_t>(allowed_s);
  setrlimit(RLIMIT_CPU, &limit);
  alarm(static_cast<unsigned>(20 * allowed_s));
}

std::string program() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "breakeven").string();
}

struct Answer {
  int status = 0;  ///< of waitpid
  std::string message;
};

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

/// posix_spawn and no fork: the memory of a rank may be known to a network card.
Answer ask(const std::string& kind, const std::string& path) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Failure(std::string("cannot make a pipe: ") + std::strerror(errno));
  std::string executable = program(), command = "probe", what = kind, file = path;
  const std::array<char*, 5> argv{executable.data(), command.data(), what.data(), file.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);  // what a dying libc says
  pid_t child = -1;
  const int error = posix_spawn(&child, executable.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  Answer answer;
  if (error == 0) answer.message = read_all(ends[0]);
  close(ends[0]);
  if (error != 0) throw Failure("cannot start " + executable + ": " + std::strerror(error));
  while (waitpid(child, &answer.status, 0) < 0 && errno == EINTR) {
  }
  return answer;
}

void probe(const std::string& kind, const std::string& path) {
  const Answer answer = ask(kind, path);
  if (WIFSIGNALED(answer.status)) {
    const int signal = WTERMSIG(answer.status);
    const bool endless = signal == SIGXCPU || signal == SIGALRM;
    throw BadRequest(path + ": is damaged: " + (endless ? "reading it does not end" : "HDF5 crashes when it reads it"));
  }
  const int code = WEXITSTATUS(answer.status);
  if (code == foreign) throw ForeignFile(answer.message);
  if (code == static_cast<int>(ExitCode::usage)) throw BadRequest(answer.message);
  if (code != 0) throw Failure(answer.message.empty() ? path + ": cannot be probed" : answer.message);
}

}  // namespace

void probe_input(const std::string& path) {
  h5::check_readable(path);
  probe("input", path);
}

void probe_results(const std::string& path) {
  h5::check_readable(path);
  if (!verify_checksum(path)) probe("results", path);
}

int run_probe(const std::string& kind, const std::string& path) try {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  h5::check_readable(path);
  allow(static_cast<Index>(std::filesystem::file_size(path)));
  if (kind == "input")
    Hdf5InputFile(path).read_through(allow);
  else
    read_study(path);
  return 0;
} catch (const ForeignFile& error) {
  std::fputs(error.what(), stdout);
  return foreign;
} catch (const Error& error) {
  std::fputs(error.what(), stdout);
  return static_cast<int>(error.exit_code());
} catch (const std::exception& error) {
  std::fputs((path + ": is damaged: " + error.what()).c_str(), stdout);
  return static_cast<int>(ExitCode::usage);
}

}  // namespace breakeven
