#include "analysis/ceilings.hpp"

#include <gmock/gmock.h>

#include "analysis/synthetic.hpp"

namespace breakeven {
namespace {

using ::testing::DoubleNear;

/// Two ranks, one second: 4 Gflop, 8 GB, 2 messages and 2 MB; what bounds it depends on the ceilings.
Record one_second(Index nodes = 1) {
  Record record = synthetic::make({.method = "ring", .role = "exact", .ranks = 2, .time_s = 1});
  record.set("nodes", nodes);
  record.columns.push_back({"flops", 4e9, "1", "", "measurement"});
  record.columns.push_back({"bytes", 8e9, "byte", "", "measurement"});
  record.columns.push_back({"peak_flops", 8e9, "1/s", "", "measurement"});
  record.columns.push_back({"comm_bytes", Index{2'000'000}, "byte", "", "measurement"});
  record.columns.push_back({"comm_messages", Index{2}, "1", "", "measurement"});
  return record;
}

Ceiling reading(double bytes_per_s, Index ranks = 2, const std::string& host = "a", Index launch = 0) {
  return {"read_bandwidth", "byte/s", host, ranks, 1, unknown_index, bytes_per_s, launch};
}

Ceiling message(Index bytes, double seconds, const std::string& host = "a") {
  return {"message", "s", host, 2, 2, bytes, seconds, 0};
}

TEST(Bound, IsArithmeticWithoutCeilings) {
  const auto bound = bound_of(one_second(), {});
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->by, "arithmetic");
  EXPECT_THAT(bound->share, DoubleNear(0.5, 1e-12));  // 4 Gflop at 8 Gflop/s
}

TEST(Bound, IsTheLargestOfTheThree) {
  const auto by_memory = bound_of(one_second(), {reading(10e9)});
  EXPECT_EQ(by_memory->by, "memory");
  EXPECT_THAT(by_memory->share, DoubleNear(0.8, 1e-12));
  // One rank hands over 1 MB and one message: 0.5 s at 2 MB/s, and 0.4 s of latency.
  const auto by_network = bound_of(one_second(), {reading(10e9), message(8, 0.4), message(4'000'000, 2)});
  EXPECT_EQ(by_network->by, "network");
  EXPECT_THAT(by_network->share, DoubleNear(0.9, 1e-12));
}

TEST(Bound, SumsTheHostsAndTakesTheBestLaunch) {
  const auto bound = bound_of(
      one_second(2), {reading(8e9, 2, "a"), reading(2e9, 2, "b"), reading(1e9, 2, "a", 1), reading(0, 2, "b", 1)});
  EXPECT_THAT(bound->share, DoubleNear(0.8, 1e-12));
}

TEST(Bound, TakesCeilingsOfAsManyRanksOnly) {
  EXPECT_EQ(bound_of(one_second(), {reading(1e9, 4)})->by, "arithmetic");
}

TEST(Bound, TakesCeilingsOfAsManyHostsOnly) {
  const std::vector<Ceiling> both{reading(10e9, 2, "a"), reading(5e9, 2, "a", 1), reading(4e9, 2, "b", 1)};
  EXPECT_THAT(bound_of(one_second(1), both)->share, DoubleNear(0.8, 1e-12));
  EXPECT_THAT(bound_of(one_second(2), both)->share, DoubleNear(8.0 / 9, 1e-12));
  EXPECT_EQ(bound_of(one_second(3), both)->by, "arithmetic");
}

TEST(Bound, TakesTheLinkBetweenHostsOnlyIfThereAreSeveral) {
  const std::vector<Ceiling> slow_link{message(8, 0.95, "a - b")};
  EXPECT_EQ(bound_of(one_second(1), slow_link)->by, "arithmetic");
  EXPECT_EQ(bound_of(one_second(2), slow_link)->by, "network");
}

TEST(Bound, IsNoneWithoutATime) {
  Record record = one_second();
  record.set("time_median", std::nan(""));
  EXPECT_FALSE(bound_of(record, {reading(1e9)}));
}

TEST(WithBounds, AddsBothColumnsToEveryRecord) {
  Study study;
  study.records = {one_second(), synthetic::make({.method = "no cost known", .role = "exact"})};
  const Study bounded = with_bounds(study);
  EXPECT_EQ(bounded.records[0].text("bound_by"), "arithmetic");
  EXPECT_THAT(bounded.records[0].number("ceiling_share"), DoubleNear(0.5, 1e-12));
  EXPECT_EQ(bounded.records[1].text("bound_by"), "");
  EXPECT_TRUE(std::isnan(bounded.records[1].number("ceiling_share")));
}

}  // namespace
}  // namespace breakeven
