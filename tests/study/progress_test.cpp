#include "study/progress.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace breakeven {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Invocation invocation(Index cases, double cost, std::size_t work) {
  return {"attention", "forward", {}, 2, 0, cases, cost, work};
}

TEST(RemainingTime, KnowsNothingBeforeTheFirstLaunchEnds) {
  const std::vector<Invocation> plan{invocation(1, 1, 0)};
  EXPECT_FALSE(RemainingTime(plan).of(plan[0]).has_value());
}

TEST(RemainingTime, TakesTheMeanOfTheSameWork) {
  const std::vector<Invocation> plan{invocation(1, 100, 0), invocation(1, 1, 1)};
  RemainingTime remaining(plan);
  remaining.finished(plan[0], 3);
  remaining.finished(plan[0], 5);
  EXPECT_DOUBLE_EQ(remaining.of(plan[0]).value(), 4);
}

TEST(RemainingTime, ScalesTheNominalCostOfUntimedWork) {
  const std::vector<Invocation> plan{invocation(1, 2, 0), invocation(1, 50, 1)};
  RemainingTime remaining(plan);
  remaining.finished(plan[0], 4);  // the machine takes two seconds where the model says one
  EXPECT_DOUBLE_EQ(remaining.of(plan[1]).value(), 100);
}

TEST(ClockText, ReadsLikeAClock) {
  EXPECT_EQ(clock_text(7.4), "0:07");
  EXPECT_EQ(clock_text(754), "12:34");
  EXPECT_EQ(clock_text(3 * 3600 + 5 * 60 + 9), "3:05:09");
  EXPECT_EQ(clock_text(59.7), "1:00");
}

class ProgressOutput : public ::testing::Test {
 protected:
  Progress progress(ProgressStyle style) {
    return {{invocation(2, 1, 0), invocation(2, 3, 1)}, style, out_, [this] { return now_s_; }};
  }
  std::string taken() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }
  std::ostringstream out_;
  double now_s_ = 100;
};

TEST_F(ProgressOutput, IsALineNowAndThenWhereThereIsNoTerminal) {
  Progress progress = this->progress({false, 30, 80});
  progress.launch_started(0);
  now_s_ += 29;
  progress.case_finished("ring n=64");
  EXPECT_EQ(taken(), "") << "the interval has not passed";
  now_s_ += 1;
  progress.case_finished("ring n=128");
  EXPECT_EQ(taken(), "2/4 cases  0:30 elapsed  ? left  ring n=128\n");
  progress.launch_finished();
  EXPECT_EQ(taken(), "") << "the interval begins again";
  progress.launch_started(1);
  now_s_ += 30;
  progress.case_finished("ring n=256");
  EXPECT_EQ(taken(), "3/4 cases  1:00 elapsed  about 1:00 left  ring n=256\n");  // 3 x 30 s, 30 of them gone
  progress.case_finished("ring n=512");
  progress.launch_finished();
  progress.close();
  EXPECT_EQ(taken(), "2 of 2 launches, 4 of 4 cases in 1:00\n");
}

TEST_F(ProgressOutput, IsOneUpdatedLineOnATerminal) {
  Progress progress = this->progress({true, 30, 60});
  progress.launch_started(0);
  taken();
  progress.case_finished("ring n=64 and a tail that is much too long for the line");
  const std::string line = taken();
  EXPECT_THAT(line, StartsWith("\r\x1b[K[#####...............] 1/4 cases  0:00 elapsed  ? left  rin"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_EQ(line.size(), std::string("\r\x1b[K").size() + 59) << "a full line would wrap and could not be cleared";
}

TEST_F(ProgressOutput, CountsAFinishedLaunchInFullWhateverItReported) {
  Progress progress = this->progress({false, 0, 80});
  progress.launch_started(0);
  progress.launch_finished();  // all shards were there already
  EXPECT_THAT(taken(), HasSubstr("2/4 cases"));
}

TEST_F(ProgressOutput, CountsOfAFailedLaunchOnlyWhatItReported) {
  Progress progress = this->progress({false, 30, 80});
  progress.launch_started(0);
  progress.case_finished("ring");
  progress.launch_failed();
  progress.launch_started(1);
  progress.launch_finished();
  progress.close();
  EXPECT_EQ(taken(), "1 of 2 launches, 3 of 4 cases in 0:00\n");
}

TEST_F(ProgressOutput, NeverCountsMoreCasesThanExpected) {
  Progress progress = this->progress({false, 0, 80});
  progress.launch_started(0);
  for (int i = 0; i < 9; ++i) progress.case_finished("ring");
  EXPECT_THAT(taken(), EndsWith("2/4 cases  0:00 elapsed  ? left  ring\n"));
}

TEST_F(ProgressOutput, LetsNoTextSteerTheTerminal) {
  Progress progress = this->progress({false, 0, 80});
  progress.launch_started(0);
  progress.case_finished("ring\x1b[2J\n");
  EXPECT_THAT(taken(), EndsWith("ring [2J \n"));
}

TEST_F(ProgressOutput, ClearsTheBarBeforeANote) {
  Progress progress = this->progress({true, 30, 80});
  progress.launch_started(0);
  taken();
  progress.note("something happened");
  EXPECT_THAT(taken(), StartsWith("\r\x1b[Ksomething happened\n\r\x1b[K["));
}

}  // namespace
}  // namespace breakeven
