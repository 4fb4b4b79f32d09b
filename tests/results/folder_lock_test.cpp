#include "results/folder_lock.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <stdexcept>

namespace breakeven {
namespace {

using testing::HasSubstr;
using testing::Optional;

class Lock : public ::testing::Test {
 protected:
  Lock() : folder((std::filesystem::temp_directory_path() / "breakeven-lock-XXXXXX").string()) {
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~Lock() override { std::filesystem::remove_all(folder); }
  std::string folder;
};

TEST_F(Lock, RefusesASecondHolderAndNamesTheFirst) {
  const FolderLock first(folder), second(folder);
  EXPECT_EQ(first.take("run-2"), std::nullopt);
  EXPECT_THAT(second.take("run-2"), Optional(HasSubstr("process " + std::to_string(getpid()) + " on ")));
}

TEST_F(Lock, OfAnotherNameIsAnotherLock) {
  const FolderLock first(folder), second(folder);
  EXPECT_EQ(first.take("run-2"), std::nullopt);
  EXPECT_EQ(second.take("run-4"), std::nullopt);
}

TEST_F(Lock, HoldsManyNamesAtOnceEachOnItsOwn) {
  constexpr int many = 3000;  // more than the file has slots for texts, and than a process may open files
  const FolderLock first(folder), second(folder);
  for (int i = 0; i < many; ++i) EXPECT_EQ(first.take(std::to_string(i)), std::nullopt);
  for (int i = 0; i < many; ++i) EXPECT_NE(second.take(std::to_string(i)), std::nullopt);
  EXPECT_EQ(second.take(std::to_string(many)), std::nullopt);
}

TEST_F(Lock, CanBeTakenTwiceByItsHolder) {
  const FolderLock lock(folder);
  EXPECT_EQ(lock.take("run-2"), std::nullopt);
  EXPECT_EQ(lock.take("run-2"), std::nullopt);
}

TEST_F(Lock, IsFreeWhenItsHolderIsGone) {
  const FolderLock second(folder);
  {
    const FolderLock first(folder);
    first.take("run-2");
  }
  EXPECT_EQ(second.take("run-2"), std::nullopt);
}

TEST_F(Lock, IsNotInheritedByWhatItsHolderStarts) {
  auto first = std::make_unique<FolderLock>(folder);
  first->take("run-2");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    execlp("sleep", "sleep", "5", nullptr);
    _exit(127);
  }
  first.reset();
  const FolderLock second(folder);
  second.wait_for("run-2");  // until the child has become another program
  EXPECT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "only its end has freed the lock";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(Lock, CanBeWaitedFor) {
  auto first = std::make_unique<FolderLock>(folder);
  first->take("merge");
  std::future<void> second = std::async(std::launch::async, [&] { FolderLock(folder).wait_for("merge"); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  first.reset();
  second.get();
}

TEST_F(Lock, ThatCannotBeMadeStopsNobody) {
  const FolderLock lock(folder + "/nowhere");
  EXPECT_EQ(lock.take("run-2"), std::nullopt);
  lock.wait_for("run-2");
}

TEST_F(Lock, ShowsNothingOfTheFileThatWouldSteerATerminal) {
  const FolderLock first(folder), second(folder);
  first.take("a");
  std::filesystem::resize_file(folder + "/.lock", 0);
  EXPECT_THAT(second.take("a"), Optional(std::string("an unknown process")));
  std::string slot = "a: process\x1b[31m 7";
  slot.resize(127, ' ');
  std::ofstream file(folder + "/.lock");
  for (int i = 0; i < 1024; ++i) file << slot << '\n';
  file.close();
  EXPECT_THAT(second.take("a"), Optional(std::string("process [31m 7")));
}

}  // namespace
}  // namespace breakeven
