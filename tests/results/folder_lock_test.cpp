#include "study/folder_lock.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <stdexcept>

#include "base/error.hpp"

namespace breakeven {
namespace {

using IfHeld = FolderLock::IfHeld;

class Lock : public ::testing::Test {
 protected:
  Lock() : folder((std::filesystem::temp_directory_path() / "breakeven-lock-XXXXXX").string()) {
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~Lock() override { std::filesystem::remove_all(folder); }
  std::string folder;
};

TEST_F(Lock, RefusesASecondHolderAndNamesTheFirst) {
  const FolderLock first(folder, "run-2", IfHeld::refuse);
  try {
    const FolderLock second(folder, "run-2", IfHeld::refuse);
    ADD_FAILURE() << "two hold it";
  } catch (const BadRequest& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("process " + std::to_string(getpid())));
  }
}

TEST_F(Lock, OfAnotherNameIsAnotherLock) {
  const FolderLock first(folder, "run-2", IfHeld::refuse);
  EXPECT_NO_THROW(FolderLock(folder, "run-4", IfHeld::refuse));
}

TEST_F(Lock, IsFreeWhenItsHolderIsGone) {
  { const FolderLock first(folder, "run-2", IfHeld::refuse); }
  EXPECT_NO_THROW(FolderLock(folder, "run-2", IfHeld::refuse));
}

TEST_F(Lock, CanBeWaitedFor) {
  auto first = std::make_unique<FolderLock>(folder, "merge", IfHeld::refuse);
  std::future<void> second = std::async(std::launch::async, [&] { FolderLock(folder, "merge", IfHeld::wait); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  first.reset();
  second.get();
}

TEST_F(Lock, ThatCannotBeMadeStopsNobody) {
  EXPECT_NO_THROW(FolderLock(folder + "/nowhere", "run-2", IfHeld::refuse));
}

}  // namespace
}  // namespace breakeven
