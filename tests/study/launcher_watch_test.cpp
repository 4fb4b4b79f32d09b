#include "study/launcher_watch.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace breakeven {
namespace {

namespace fs = std::filesystem;

/// A program of the given name whose main thread waits for a lock or, as a launcher should, for events.
class Launcher {
 public:
  Launcher(const std::string& name, bool for_a_lock) {
    folder_ = fs::temp_directory_path() / ("breakeven_launcher_" + std::to_string(getpid()) + name);
    fs::create_directories(folder_);
    const fs::path program = folder_ / name;
    std::ofstream(program) << "#!/usr/bin/python3 -S\nimport os, select, threading\nlock = threading.Lock()\n"
                           << "lock.acquire()\nos.write(1, b'.')\n"
                           << (for_a_lock ? "lock.acquire()\n" : "select.select([], [], [])\n");
    fs::permissions(program, fs::perms::owner_all);
    std::array<int, 2> ready{};
    if (pipe(ready.data()) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ready[1], STDOUT_FILENO);
      execl(program.c_str(), program.c_str(), nullptr);
      _exit(127);
    }
    close(ready[1]);
    char byte = 0;
    started_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  ~Launcher() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    fs::remove_all(folder_);
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  bool started() const { return started_; }
  /// Asked for as long as ten times the patience takes.
  bool is_suspected() const {
    constexpr double patience_s = 0.05;
    LauncherWatch watch(pid_, patience_s);
    for (const Stopwatch time; time.seconds() < 10 * patience_s;) {
      if (watch.is_stuck()) return true;
      usleep(5000);
    }
    return false;
  }

 private:
  fs::path folder_;
  pid_t pid_ = -1;
  bool started_ = false;
};

class LauncherWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists("/usr/bin/python3")) GTEST_SKIP() << "no /usr/bin/python3 to stand in for a launcher";
  }
};

TEST_F(LauncherWatchTest, NoticesOneThatWaitsForALock) {
  const Launcher launcher("mpiexec", true);
  ASSERT_TRUE(launcher.started());
  std::string call;
  std::getline(std::ifstream("/proc/self/syscall"), call);
  if (call.empty()) GTEST_SKIP() << "the system shows no system calls";
  EXPECT_TRUE(launcher.is_suspected());
}

TEST_F(LauncherWatchTest, LeavesOneAloneThatWaitsForEvents) {
  const Launcher launcher("mpiexec", false);
  ASSERT_TRUE(launcher.started());
  EXPECT_FALSE(launcher.is_suspected());
}

TEST_F(LauncherWatchTest, LeavesOtherLaunchersAlone) {
  const Launcher launcher("srun", true);
  ASSERT_TRUE(launcher.started());
  EXPECT_FALSE(launcher.is_suspected());
}

TEST_F(LauncherWatchTest, SuspectsNoProcessThatIsGone) {
  EXPECT_FALSE(LauncherWatch(-1, 0).is_stuck());
}

}  // namespace
}  // namespace breakeven
