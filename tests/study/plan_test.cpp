#include "study/plan.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/error.hpp"

namespace breakeven {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;

Sweep sweep(Index launches, std::vector<int> ranks, double n = 64) {
  Sweep sweep{"attention", "forward", {"ring", "polynomial"}, launches, std::move(ranks), {}, 2};
  sweep.options.push_back({"n", std::to_string(static_cast<Index>(n)), false, 1, {n}});
  return sweep;
}

std::vector<std::string> lines(const std::vector<Invocation>& plan) {
  std::vector<std::string> lines;
  for (const Invocation& invocation : plan) {
    std::string line = invocation.family + " on " + std::to_string(invocation.ranks);
    for (const std::string& argument : invocation.arguments) line += " " + argument;
    lines.push_back(line);
  }
  return lines;
}

TEST(Plan, TurnsASweepIntoTheDriversArguments) {
  StudyFile study{"small", "quick", 1, {sweep(1, {3})}};
  study.sweeps[0].options.push_back({"save-solution", "true", true, 1, {}});
  study.sweeps[0].options.push_back({"require-certificate", "false", true, 1, {}});
  EXPECT_THAT(
      lines(plan(study, 8, "results/small")),
      ElementsAre("attention on 3 --problem=forward --methods=ring,polynomial --n=64 --save-solution --launch=0 "
                  "--out=results/small --label=quick --study=small --format=json --quiet"));
}

TEST(Plan, LetsNoValuePassForAnOption) {
  StudyFile study{"small", "", 1, {sweep(1, {3})}};
  study.sweeps[0].options.push_back({"scale", "--out=/elsewhere", false, 1, {}});
  EXPECT_THAT(plan(study, 8, "out")[0].arguments, Contains("--scale=--out=/elsewhere"));
}

TEST(Plan, HasOneInvocationForEverySweepRankCountAndLaunch) {
  const StudyFile study{"small", "", 1, {sweep(5, {1, 2, 4}, 64), sweep(2, {2}, 128), sweep(1, {1, 2}, 256)}};
  const auto invocations = plan(study, 8, "out");
  EXPECT_THAT(invocations, SizeIs(5 * 3 + 2 + 2));
  const auto all = lines(invocations);
  EXPECT_THAT(std::set<std::string>(all.begin(), all.end()), SizeIs(all.size())) << "no launch is run twice";
}

TEST(Plan, ReplacesAllByTheCoresOfTheMachineOnce) {
  const auto invocations = plan({"small", "", 1, {sweep(1, {8, all_cores})}}, 8, "out");
  ASSERT_THAT(invocations, SizeIs(1));
  EXPECT_EQ(invocations[0].ranks, 8);
}

TEST(Plan, DependsOnTheSeedAlone) {
  StudyFile study{"small", "", 1, {sweep(3, {1, 2, 3, 4, 5, 6, 7, 8})}};
  const auto first = lines(plan(study, 8, "out"));
  EXPECT_EQ(lines(plan(study, 8, "out")), first);
  study.seed = 2;
  EXPECT_NE(lines(plan(study, 8, "out")), first);
}

TEST(Plan, ShufflesEveryRoundInItsOwnWay) {
  const auto invocations = plan({"small", "", 1, {sweep(3, {1, 2, 3, 4, 5, 6, 7, 8})}}, 8, "out");
  std::vector<std::vector<int>> rounds(3);
  for (std::size_t i = 0; i < invocations.size(); ++i) rounds[i / 8].push_back(invocations[i].ranks);
  EXPECT_THAT(rounds[0], Not(ElementsAre(1, 2, 3, 4, 5, 6, 7, 8)));
  EXPECT_NE(rounds[0], rounds[1]);
  EXPECT_NE(rounds[1], rounds[2]);
}

TEST(Plan, SpreadsTheLaunchesOfEveryWorkOverTheRun) {
  // Six rounds of the four works with six launches; the launches of the others fall anywhere in their half of the run.
  const auto invocations = plan({"small", "", 1, {sweep(6, {1, 2, 3, 4}, 64), sweep(2, {1, 2}, 128)}}, 8, "out");
  ASSERT_THAT(invocations, SizeIs(28));
  for (Index at = 0; at < 28; ++at) {
    const Invocation& invocation = invocations[static_cast<std::size_t>(at)];
    if (invocation.work < 4) {
      EXPECT_GE(at, 4 * invocation.launch) << "work " << invocation.work;
      EXPECT_LT(at, 4 * invocation.launch + 8) << "work " << invocation.work;
    } else {
      EXPECT_EQ(at / 14, invocation.launch) << "work " << invocation.work;
    }
  }
}

TEST(Plan, RefusesAnEndlessStudy) {
  std::vector<int> ranks(1000);
  for (std::size_t i = 0; i < ranks.size(); ++i) ranks[i] = static_cast<int>(i) + 1;
  EXPECT_THROW(plan({"small", "", 1, {sweep(1000, ranks)}}, 8, "out"), BadRequest);
}

TEST(NominalCost, GrowsWithSizeAndFallsWithRanks) {
  EXPECT_GT(nominal_cost(sweep(1, {1}, 16384), 1), 3 * nominal_cost(sweep(1, {1}, 8192), 1));
  EXPECT_GT(nominal_cost(sweep(1, {1}, 16384), 1), nominal_cost(sweep(1, {1}, 16384), 2));
}

TEST(NominalCost, KeepsRepetitionsWithinTheBudget) {
  Sweep limited = sweep(1, {1}, 32768);
  limited.options.push_back({"budget", "1", false, 1, {1}});
  EXPECT_LT(nominal_cost(limited, 1), nominal_cost(sweep(1, {1}, 32768), 1));
}

}  // namespace
}  // namespace breakeven
