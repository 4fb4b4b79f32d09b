#include "study/run_plan.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RunPlan : public ::testing::Test {
 protected:
  /// Runs a plan of as many launches as there are exit codes; launch i ends with code i and prints `output_`.
  RunResult run(const std::vector<int>& exit_codes, int stop_after = 1000) {
    std::vector<Invocation> plan;
    for (std::size_t i = 0; i < exit_codes.size(); ++i)
      plan.push_back({"attention", "forward", {}, 2, static_cast<Index>(i), 1, 1, i});
    Progress progress(plan, {}, out_, [] { return 0.0; });
    const Runner runner = [&](const Invocation& invocation, const LineCallbacks& callbacks) {
      started_.push_back(static_cast<int>(invocation.launch));
      for (const std::string& line : output_) callbacks.on_output(line);
      for (const std::string& line : messages_) callbacks.on_message(line);
      return Outcome{exit_codes[static_cast<std::size_t>(invocation.launch)], {"the reason"}, cause_};
    };
    return run_plan(runner, progress, [&] { return static_cast<int>(started_.size()) >= stop_after; });
  }
  std::vector<int> started_;
  std::vector<std::string> output_, messages_;
  std::string cause_;
  std::ostringstream out_;
};

TEST_F(RunPlan, EndsWithZeroIfAllDo) {
  const RunResult result = run({0, 0});
  EXPECT_EQ(result.exit_code, ExitCode::ok);
  EXPECT_EQ(result.launches_run, 2u);
}

TEST_F(RunPlan, GoesOnAfterAFailedCheckAndRemembersIt) {
  EXPECT_EQ(run({0, 3, 0}).exit_code, ExitCode::check_failed);
  EXPECT_THAT(started_, ElementsAre(0, 1, 2));
}

TEST_F(RunPlan, StopsAtABadRequest) {
  EXPECT_EQ(run({0, 2, 0}).exit_code, ExitCode::usage);
  EXPECT_THAT(started_, ElementsAre(0, 1));
  EXPECT_THAT(out_.str(), HasSubstr("the reason"));
}

TEST_F(RunPlan, StopsWhereADriverWasInterrupted) {
  EXPECT_EQ(run({3, 75, 0}).exit_code, ExitCode::interrupted);
  EXPECT_THAT(started_, ElementsAre(0, 1));
}

TEST_F(RunPlan, StopsBetweenLaunchesOnASignal) {
  EXPECT_EQ(run({0, 0, 0}, 2).exit_code, ExitCode::interrupted);
  EXPECT_THAT(started_, ElementsAre(0, 1));
}

TEST_F(RunPlan, GoesOnAfterAFailureAndNamesIt) {
  const RunResult result = run({137, 3, 0});
  EXPECT_EQ(result.exit_code, ExitCode::failure) << "a failure outranks a failed check";
  EXPECT_THAT(started_, ElementsAre(0, 1, 2));
  EXPECT_THAT(result.failures, ElementsAre("attention/forward on 2 ranks, launch 0 ended with exit 137"));
  EXPECT_EQ(result.launches_run, 2u);
}

TEST_F(RunPlan, SaysWhyALaunchFailedIfAnybodyKnows) {
  cause_ = "the connection to be-h2 was lost";
  EXPECT_THAT(
      run({205}).failures,
      ElementsAre("attention/forward on 2 ranks, launch 0 ended with exit 205: the connection to be-h2 was lost"));
  EXPECT_THAT(out_.str(), HasSubstr("was lost; it said:\n  the reason\n"));
}

TEST_F(RunPlan, PassesEachWarningOnOnce) {
  messages_ = {"breakeven: warning: out/shards/0123-0.h5: is damaged; measured again", "[3/9] timing ring"};
  run({0, 0});
  EXPECT_EQ(out_.str(), "warning: out/shards/0123-0.h5: is damaged; measured again\n");
}

TEST_F(RunPlan, RefusesADriverThatSeesAnotherNumberOfRanks) {
  output_ = {R"({"method":"ring","ranks":1})"};
  EXPECT_THROW(run({0}), Failure);
  output_ = {R"({"method":"ring","ranks":2})"};
  EXPECT_NO_THROW(run({0}));
}

TEST_F(RunPlan, ShowsWhyACaseFailed) {
  output_ = {R"({"method":"ring","ranks":2,"status":"failed","message":"promise broken"})"};
  run({3});
  EXPECT_THAT(out_.str(), HasSubstr("promise broken"));
}

TEST_F(RunPlan, ShowsWhatIsNoCase) {
  output_ = {"Welcome to the cluster"};
  run({0});
  EXPECT_THAT(out_.str(), HasSubstr("Welcome to the cluster"));
}

TEST(CaseLine, NamesMethodFactorsAndTime) {
  const CaseLine line = read_case_line(
      R"({"method":"polynomial","n":4096,"d":16,"degree":2,"bound":null,"ranks":2,"time_median":0.01234,"status":"ok"})");
  EXPECT_TRUE(line.is_case);
  EXPECT_EQ(line.text, "polynomial n=4096 d=16 degree=2: 12.3 ms");
  EXPECT_EQ(line.ranks, 2);
}

TEST(CaseLine, IsNoneForOtherText) {
  for (const char* text : {"", "[1]", "12", "{", "hello", "\"{}\""}) EXPECT_FALSE(read_case_line(text).is_case) << text;
}

}  // namespace
}  // namespace breakeven
