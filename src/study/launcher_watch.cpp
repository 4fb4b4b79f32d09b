#include "study/launcher_watch.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace breakeven {
namespace {

constexpr std::array<std::string_view, 3> launchers_of_open_mpi{"mpiexec", "mpirun", "orterun"};

std::string first_line(pid_t process, const char* file) {
  std::ifstream input("/proc/" + std::to_string(process) + "/" + file);
  std::string line;
  std::getline(input, line);
  return line;
}

/// The system call of the main thread with its arguments if it waits for a lock, else nothing.
std::string lock_waited_for(pid_t process) {
  std::string call = first_line(process, "syscall");
  return call.starts_with(std::to_string(SYS_futex) + " ") ? call : "";
}

}  // namespace

LauncherWatch::LauncherWatch(pid_t launcher, double patience_s) : launcher_(launcher), patience_s_(patience_s) {}

bool LauncherWatch::is_stuck() {
  const std::string program = first_line(launcher_, "comm"), lock = lock_waited_for(launcher_);
  if (std::ranges::find(launchers_of_open_mpi, program) == launchers_of_open_mpi.end()) return false;
  if (lock.empty() || lock != waits_for_) {
    waits_for_ = lock;
    since_ = Stopwatch();
    return false;
  }
  return since_.seconds() >= patience_s_;
}

}  // namespace breakeven
