#include "study/process.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"

namespace breakeven {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(LauncherWords, AreSplitAtBlanksAndToldTheRanks) {
  EXPECT_THAT(launcher_words(" mpiexec  -n {ranks}\t--x={ranks}:{ranks} ", 2, 2),
              ElementsAre("mpiexec", "-n", "2", "--x=2:2"));
}

TEST(LauncherWords, KeepWhatAShellWouldExpand) {
  EXPECT_THAT(launcher_words("run;$(id) '{ranks} x'", 1, 1), ElementsAre("run;$(id)", "'1", "x'"));
}

TEST(LauncherWords, OversubscribeOpenMpiOnlyWhereRanksExceedCores) {
  EXPECT_THAT(launcher_words("/usr/bin/mpirun -n {ranks}", 3, 2),
              ElementsAre("/usr/bin/mpirun", "-n", "3", "--oversubscribe"));
  EXPECT_THAT(launcher_words("mpiexec -n {ranks}", 2, 2), ElementsAre("mpiexec", "-n", "2"));
  EXPECT_THAT(launcher_words("srun -n {ranks}", 3, 2), ElementsAre("srun", "-n", "3"));
}

TEST(LauncherWords, MustSayTheRanks) {
  EXPECT_THROW(launcher_words("mpiexec -n 4", 2, 2), BadRequest);
  EXPECT_THROW(launcher_words("  ", 2, 2), BadRequest);
}

TEST(ChildEnvironment, PermitsRootOnlyToRoot) {
  EXPECT_THAT(child_environment({"A=1"}, false), Not(Contains(HasSubstr("ROOT"))));
  const std::vector<std::string> of_root = child_environment({"A=1", "OMPI_ALLOW_RUN_AS_ROOT=0"}, true);
  EXPECT_THAT(of_root, IsSupersetOf({"A=1", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"}));
  EXPECT_THAT(of_root, Not(Contains("OMPI_ALLOW_RUN_AS_ROOT=0")));
}

TEST(ChildEnvironment, GivesUpASilentHostWithinSeconds) {
  EXPECT_THAT(child_environment({"A=1"}, false),
              UnorderedElementsAre("A=1", "OMPI_MCA_oob_tcp_keepalive_time=2", "OMPI_MCA_oob_tcp_keepalive_intvl=1",
                                   "OMPI_MCA_oob_tcp_keepalive_probes=3"));
}

TEST(ChildEnvironment, LeavesTheUsersPatienceWithAHost) {
  EXPECT_THAT(child_environment({"OMPI_MCA_oob_tcp_keepalive_time=60", "XOMPI_MCA_oob_tcp_keepalive_intvl=7"}, false),
              UnorderedElementsAre("OMPI_MCA_oob_tcp_keepalive_time=60", "XOMPI_MCA_oob_tcp_keepalive_intvl=7",
                                   "OMPI_MCA_oob_tcp_keepalive_intvl=1", "OMPI_MCA_oob_tcp_keepalive_probes=3"));
}

/// Drivers are shell scripts, the launcher one that drops the rank count.
class RunInvocation : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) / ("breakeven_process_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    write("launcher", "shift\nexec \"$@\"");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& body) {
    const auto path = folder_ / name;
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  Outcome run(const std::string& body, std::vector<std::string> arguments = {}) {
    Invocation invocation;
    invocation.arguments = std::move(arguments);
    LineCallbacks callbacks;
    callbacks.on_output = [&](std::string_view line) {
      output_.emplace_back(line);
      if (on_output_) on_output_();
    };
    callbacks.on_message = [&](std::string_view line) { messages_.emplace_back(line); };
    return run_invocation((folder_ / "launcher").string() + " {ranks}", write("driver", body), invocation, callbacks,
                          signals_);
  }

  std::filesystem::path folder_;
  SignalWatch signals_;
  std::vector<std::string> output_, messages_;
  std::function<void()> on_output_;
};

TEST_F(RunInvocation, ReturnsTheExitCode) {
  for (const int code : {0, 1, 2, 3, 75}) EXPECT_EQ(run("exit " + std::to_string(code)).exit_code, code);
}

TEST_F(RunInvocation, ReportsADeathBySignal) {
  EXPECT_EQ(run("kill -9 $$").exit_code, 128 + 9);
}

TEST_F(RunInvocation, HandsOverLinesOfBothStreams) {
  run("echo one; echo 'warned' >&2; printf 'two\\n\\nlast'");
  EXPECT_THAT(output_, ElementsAre("one", "two", "", "last"));
  EXPECT_THAT(messages_, ElementsAre("warned"));
}

TEST_F(RunInvocation, PassesArgumentsUntouched) {
  run("printf '%s\\n' \"$@\"", {"--input", "a b; $(touch x) 'y'", "*"});
  EXPECT_THAT(output_, ElementsAre("--input", "a b; $(touch x) 'y'", "*"));
}

TEST_F(RunInvocation, KeepsTheLastTwentyMessages) {
  const Outcome outcome = run("i=0; while [ $i -lt 30 ]; do echo message $i >&2; i=$((i+1)); done");
  EXPECT_THAT(messages_, SizeIs(30));
  ASSERT_THAT(outcome.last_messages, SizeIs(20));
  EXPECT_EQ(outcome.last_messages.front(), "message 10");
}

TEST_F(RunInvocation, ReadsMoreThanAPipeHolds) {
  run("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 ; i=$((i+1)); done");
  EXPECT_THAT(output_, SizeIs(3000));
}

TEST_F(RunInvocation, GivesTheDriverNoInput) {
  EXPECT_EQ(run("read line").exit_code, 1) << "at the end of its input at once";
}

TEST_F(RunInvocation, RunsInAProcessGroupOfItsOwn) {
  run("cut -d ' ' -f 5 /proc/$$/stat; echo $$");
  ASSERT_THAT(output_, SizeIs(2));
  EXPECT_EQ(output_[0], output_[1]);
}

TEST_F(RunInvocation, AsksTheDriverToFinishWhateverTheSignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    output_.clear();
    on_output_ = [&] {
      if (output_.back() == "ready") kill(getpid(), signal);
    };
    const Outcome outcome = run("trap 'echo finished; exit 75' USR1\necho ready\nwhile :; do sleep 0.01; done");
    EXPECT_THAT(output_, ElementsAre("ready", "finished")) << signal;
    EXPECT_EQ(outcome.exit_code, 75);
    EXPECT_TRUE(signals_.stop_requested());
  }
}

TEST_F(RunInvocation, EndsADriverThatIsAskedTwice) {
  on_output_ = [] { kill(getpid(), SIGTERM); };
  EXPECT_EQ(run("trap 'echo still here' USR1\necho ready\nwhile :; do sleep 0.01; done").exit_code, 75);
  EXPECT_THAT(output_, ElementsAre("ready", "still here"));
}

TEST_F(RunInvocation, DoesNotWaitForAStrayThatHoldsThePipes) {
  EXPECT_EQ(run("sleep 60 & echo $!; exit 3").exit_code, 3);
  ASSERT_THAT(output_, SizeIs(1));
  kill(static_cast<pid_t>(std::stol(output_[0])), SIGKILL);
}

TEST_F(RunInvocation, EndsTheDriverIfACallbackThrows) {
  on_output_ = [] { throw Failure("enough"); };
  EXPECT_THROW(run("echo $$; exec sleep 60"), Failure);
  ASSERT_THAT(output_, SizeIs(1));
  EXPECT_NE(kill(static_cast<pid_t>(std::stol(output_[0])), 0), 0) << "the driver still runs";
}

TEST_F(RunInvocation, SaysThatALauncherCannotBeStarted) {
  try {
    run_invocation("/nowhere/mpiexec -n {ranks}", "/bin/true", Invocation{}, {}, signals_);
    FAIL() << "no error";
  } catch (const BadRequest& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/mpiexec"));
  }
}

TEST(SignalWatchTest, RestoresTheHandlersThereWere) {
  struct sigaction before {
  }, after{};
  sigaction(SIGTERM, nullptr, &before);
  { const SignalWatch watch; }
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

}  // namespace
}  // namespace breakeven
