#include "harness/calibrate.hpp"

#include <gmock/gmock.h>

#include "comm/communicator.hpp"

namespace breakeven {
namespace {

std::vector<Ceiling> rows(const std::vector<Ceiling>& ceilings, const std::string& quantity) {
  std::vector<Ceiling> found;
  for (const Ceiling& ceiling : ceilings)
    if (ceiling.quantity == quantity) found.push_back(ceiling);
  return found;
}

/// The ranks on two hosts that do not exist: the last rank on "b", the others on "a".
Placement two_hosts(const Communicator& comm) {
  Placement placement;
  placement.hosts.assign(static_cast<std::size_t>(comm.size()), "a");
  if (comm.size() > 1) placement.hosts.back() = "b";
  return placement;
}

std::vector<Ceiling> calibrated(const Communicator& comm) {
  const auto mine = [&] { return static_cast<double>(comm.rank() + 1); };
  return calibrate(comm, two_hosts(comm), {{"shared", "byte/s", true, mine}, {"worst", "s", false, mine}}, 7);
}

TEST(Calibrate, SumsOrTakesTheLargestOverTheRanksOfEachHost) {
  const Communicator comm = Communicator::world();
  if (comm.size() != 3) GTEST_SKIP() << "made for 3 ranks";
  const std::vector<Ceiling> ceilings = calibrated(comm);
  EXPECT_THAT(rows(ceilings, "shared"), testing::ElementsAre(Ceiling{"shared", "byte/s", "a", 3, 2, -1, 1 + 2, 7},
                                                             Ceiling{"shared", "byte/s", "b", 3, 1, -1, 3, 7}));
  EXPECT_THAT(rows(ceilings, "worst"), testing::ElementsAre(Ceiling{"worst", "s", "a", 3, 2, -1, 2, 7},
                                                            Ceiling{"worst", "s", "b", 3, 1, -1, 3, 7}));
}

TEST(Calibrate, TimesMessagesWithinAndBetweenHostsAndReductionsOverAll) {
  const Communicator comm = Communicator::world();
  const std::vector<Ceiling> ceilings = calibrated(comm);
  for (const Ceiling& ceiling : ceilings) {
    EXPECT_GT(ceiling.value, 0) << ceiling.quantity;
    EXPECT_LT(ceiling.value, 60) << ceiling.quantity;
    const std::vector<double> everywhere = comm.gather(ceiling.value);
    EXPECT_THAT(everywhere, testing::Each(ceiling.value)) << ceiling.quantity;
  }
  if (comm.size() != 3) return;
  std::vector<std::string> hosts;
  for (const Ceiling& message : rows(ceilings, "message")) hosts.push_back(message.host);
  EXPECT_THAT(hosts, testing::Contains("a").Times(7));
  EXPECT_THAT(hosts, testing::Contains("a - b").Times(7));
  EXPECT_EQ(rows(ceilings, "all_reduce").size(), 7U);
  EXPECT_EQ(rows(ceilings, "all_reduce").front().participants, 3);
}

TEST(MeasuredOn, ComparesTheRanksOfEachHostWhicheverHostsTheyAre) {
  const auto reading = [](const std::string& host, Index ranks) {
    return Ceiling{"read_bandwidth", "byte/s", host, 3, ranks, unknown_index, 1e9, 0};
  };
  const auto on = [](const std::vector<std::string>& hosts) {
    Placement placement;
    placement.hosts = hosts;
    return placement;
  };
  const std::vector<Ceiling> two_and_one{reading("a", 2), reading("b", 1)};
  EXPECT_TRUE(measured_on(two_and_one, on({"a", "a", "b"})));
  EXPECT_TRUE(measured_on(two_and_one, on({"c", "d", "c"})));
  EXPECT_FALSE(measured_on(two_and_one, on({"a", "a", "a"})));
  EXPECT_FALSE(measured_on(two_and_one, on({"a", "b", "c"})));
  EXPECT_FALSE(measured_on(two_and_one, on({"a", "a", "b", "b"})));
}

TEST(ValueText, HasThePrefixThatFits) {
  const auto text = [](double value, const std::string& unit) {
    return value_text({"any", unit, "", 1, 1, unknown_index, value, 0});
  };
  EXPECT_EQ(text(2.39e11, "1/s"), "239 Gflop/s");
  EXPECT_EQ(text(2.48e12, "bit/s"), "2.48 Tbit/s");
  EXPECT_EQ(text(1.5e-6, "s"), "1.5 us");
  EXPECT_EQ(text(2e-8, "s"), "20 ns");
  EXPECT_EQ(text(1, "byte/s"), "1 B/s");
}

TEST(MessagePairs, AreTheFirstTwoRanksOfEachHostThatHasTwoAndOneBetweenHosts) {
  using Pairs = std::vector<MessagePair>;
  EXPECT_EQ(message_pairs({"a"}), Pairs{});
  EXPECT_EQ(message_pairs({"a", "a", "a"}), (Pairs{{"a", 0, 1}}));
  EXPECT_EQ(message_pairs({"a", "b"}), (Pairs{{"a - b", 0, 1}}));
  EXPECT_EQ(message_pairs({"a", "b", "a", "b", "c"}), (Pairs{{"a", 0, 2}, {"b", 1, 3}, {"a - b", 0, 1}}));  // dealt out
  EXPECT_EQ(message_pairs({"a", "b", "b", "c", "c", "c"}), (Pairs{{"b", 1, 2}, {"c", 3, 4}, {"a - b", 0, 1}}));
}

}  // namespace
}  // namespace breakeven
