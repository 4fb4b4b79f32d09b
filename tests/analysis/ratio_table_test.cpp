#include "analysis/ratio_table.hpp"

#include <gmock/gmock.h>

#include "analysis/synthetic.hpp"
#include "base/error.hpp"

namespace breakeven {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;

/// A peer that takes 3 times as long, a fast method a quarter, at two sizes; the fast one in launches of other speed.
Study three_methods(Index launches = 5) {
  Study study;
  for (const Index n : {1024, 2048}) {
    study.records.push_back(
        synthetic::make({.method = "ring", .role = "exact", .n = n, .time_s = 1, .launches = launches}));
    study.records.push_back(
        synthetic::make({.method = "peer", .role = "peer", .n = n, .time_s = 3, .launches = launches}));
    study.records.push_back(
        synthetic::make({.method = "fast", .role = "fast", .n = n, .time_s = 0.25, .launches = launches}, -0.02));
  }
  return study;
}

TEST(Ratios, CompareWithinEachLaunch) {
  const std::vector<Ratio> all = ratios(three_methods(), "ring");
  ASSERT_EQ(all.size(), 6U);
  EXPECT_THAT(all[0].ratio, DoubleNear(1, 1e-12));
  EXPECT_THAT(all[1].ratio, DoubleNear(3, 1e-12));  // launches were slow and fast together
  EXPECT_THAT(all[1].low, DoubleNear(3, 1e-12));
  EXPECT_THAT(all[1].high, DoubleNear(3, 1e-12));
  EXPECT_THAT(all[2].ratio, DoubleNear(0.25, 1e-12));  // here in turns
  EXPECT_LT(all[2].low, 0.25 * 0.97);
  EXPECT_GT(all[2].high, 0.25 * 1.03);
  EXPECT_EQ(all[2].launches, 5);
}

TEST(Ratios, LeaveOutFailedCasesAndSizesWithoutTheOther) {
  Study study = three_methods();
  study.records[1].set("status", std::string("failed"));
  study.records.erase(study.records.begin() + 3);  // ring at the second size
  const std::vector<Ratio> all = ratios(study, "ring");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].series, "fast");
}

TEST(Ratios, RefuseAMethodThatIsNotThere) {
  EXPECT_THROW(ratios(three_methods(), "rign"), BadRequest);
}

TEST(RatioTable, SaysWhenLaunchesAreTooFewForAClaim) {
  EXPECT_THAT(ratio_table(three_methods(), "ring"), Not(HasSubstr("Indicative")));
  EXPECT_THAT(ratio_table(three_methods(2), "ring"), HasSubstr("Indicative: some rows stand on 2 launches"));
  EXPECT_THAT(ratio_table(three_methods(), "ring"), HasSubstr("time / ring"));
}

TEST(RatioTable, NamesTheOperationsAndThePeakThatBoundsThem) {
  EXPECT_THAT(ratio_table(three_methods(), "ring"), AllOf(HasSubstr("Gflop/s"), HasSubstr("% of FMA peak")));
  Study bits = three_methods();
  for (Record& record : bits.records) record.set("dtype", std::string("bit"));
  EXPECT_THAT(ratio_table(bits, "ring"), AllOf(HasSubstr("Gbit/s"), HasSubstr("% of XOR+popcount")));
}

}  // namespace
}  // namespace breakeven
