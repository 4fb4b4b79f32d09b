#include "analysis/scaling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "analysis/facts.hpp"
#include "analysis/synthetic.hpp"

namespace breakeven {
namespace {

using synthetic::make;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

Study on_ranks(const std::vector<std::pair<Index, double>>& times) {
  Study study;
  for (const auto& [ranks, time_s] : times)
    study.records.push_back(
        make({.method = "ring", .role = "exact", .ranks = ranks, .time_s = time_s, .setup_s = 100}));
  return study;
}

TEST(StrongScaling, ComparesWithTheSmallestMeasuredRankCount) {
  const std::vector<ScalingCurve> curves = strong_scaling(on_ranks({{8, 1.0}, {2, 3.2}, {4, 1.6}}));
  ASSERT_THAT(curves, SizeIs(1));
  const ScalingCurve& curve = curves[0];
  EXPECT_EQ(curve.base_ranks, 2);
  ASSERT_THAT(curve.points, SizeIs(3));
  EXPECT_EQ(curve.points[1].ranks, 4);
  EXPECT_NEAR(curve.points[0].time_s, 3.2, 1e-12) << "the base's absolute time, run without set-up";
  EXPECT_NEAR(curve.points[1].speed_up, 2, 1e-12);
  EXPECT_NEAR(curve.points[2].speed_up, 3.2, 1e-12);
  EXPECT_NEAR(curve.points[2].efficiency, 0.8, 1e-12);
  EXPECT_LE(curve.points[2].speed_up_low, curve.points[2].speed_up);
}

TEST(StrongScaling, NeedsTwoRankCounts) {
  EXPECT_THAT(strong_scaling(on_ranks({{2, 1.0}})), SizeIs(0));
}

TEST(StrongScaling, LeavesOutOversubscribedRuns) {
  Study study = on_ranks({{1, 4.0}, {2, 2.0}, {4, 1.0}});
  study.records[2].set("oversubscribed", true);
  EXPECT_THAT(strong_scaling(study).at(0).points, SizeIs(2));
}

TEST(StrongScaling, WarnsOfAnEfficiencyThatOnlyACacheExplains) {
  EXPECT_THAT(warnings(on_ranks({{1, 4.0}, {2, 1.5}})), Contains(HasSubstr("efficiency of 133 %")));
  EXPECT_THAT(warnings(on_ranks({{1, 4.0}, {2, 2.1}})), Not(Contains(HasSubstr("efficiency"))));
}

TEST(NonDominated, KeepsWhatNoOtherBeatsInBoth) {
  // fast and rough, slow and exact, worse than the second in both, equal error but slower than the first, unknown error
  const std::vector<Cost> points{{1, 1e-2}, {5, 1e-9}, {6, 1e-8}, {2, 1e-2}, {0.1, std::nan("")}};
  EXPECT_THAT(non_dominated(points), ElementsAre(true, true, false, false, false));
}

TEST(NonDominated, KeepsBothOfTwoEqualPoints) {
  EXPECT_THAT(non_dominated({{1, 1e-2}, {1, 1e-2}, {1, 2e-2}}), ElementsAre(true, true, false));
}

}  // namespace
}  // namespace breakeven
