#include "base/philox.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace breakeven {
namespace {

using testing::ElementsAre;

/// Known answers of Random123's kat_vectors for philox4x32 with 10 rounds: counter words {i, i >> 32, j, stream}, key
/// words {seed, seed >> 32}.
TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  EXPECT_THAT(Philox(0, Stream{0}).bits(0, 0), ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  EXPECT_THAT(Philox(~std::uint64_t{0}, Stream{0xffffffffu}).bits(-1, 0xffffffff),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(
      Philox(0x299f31d0a4093822u, Stream{0x03707344u}).bits(static_cast<Index>(0x85a308d3243f6a88u), 0x13198a2e),
      ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

TEST(Philox, MakesUniformsOf53Bits) {
  EXPECT_EQ(Philox(0, Stream{0}).uniform(0), std::ldexp(static_cast<double>(0x6627e8d5e169c58du >> 11), -53));
  constexpr Index n = 20'000;
  const Philox random(3, Stream{9});
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0;
  for (Index i = 0; i < n; ++i) {
    const double u = random.uniform(i, 5), z = random.normal(i, 5);
    EXPECT_GE(u, 0);
    EXPECT_LT(u, 1);
    sum += u, squares += u * u, normal_sum += z, normal_squares += z * z;
  }
  const double root_n = std::sqrt(static_cast<double>(n));  // every tolerance is six standard deviations of the mean
  EXPECT_NEAR(sum / n, 0.5, 6 * std::sqrt(1.0 / 12) / root_n);
  EXPECT_NEAR(squares / n, 1.0 / 3, 6 * std::sqrt(4.0 / 45) / root_n);
  EXPECT_NEAR(normal_sum / n, 0, 6 / root_n);
  EXPECT_NEAR(normal_squares / n, 1, 6 * std::sqrt(2.0) / root_n);
}

TEST(Philox, DependsOnSeedStreamRowAndColumn) {
  const double value = Philox(1, Stream{1}).uniform(2, 3);
  EXPECT_EQ(Philox(1, Stream{1}).uniform(2, 3), value);
  EXPECT_NE(Philox(2, Stream{1}).uniform(2, 3), value);
  EXPECT_NE(Philox(1, Stream{2}).uniform(2, 3), value);
  EXPECT_NE(Philox(1, Stream{1}).uniform(3, 3), value);
  EXPECT_NE(Philox(1, Stream{1}).uniform(2, 4), value);
  EXPECT_NE(Philox(1 + (std::uint64_t{1} << 32), Stream{1}).uniform(2, 3), value);
  EXPECT_NE(Philox(1, Stream{1}).uniform(2 + (Index{1} << 32), 3), value);
}

TEST(Philox, BelowStaysBelowAndReachesAll) {
  const Philox random(1, Stream{4});
  std::set<Index> seen;
  for (Index i = 0; i < 200; ++i) seen.insert(random.below(5, i));
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4));
}

TEST(Sample, IsDistinctAscendingAndOfTheAskedSize) {
  const Philox random(1, Stream{5});
  const std::vector<Index> sample = sample_without_replacement(random, 1000, 400);
  EXPECT_EQ(sample.size(), 400u);
  EXPECT_EQ(std::adjacent_find(sample.begin(), sample.end(), std::greater_equal<>()), sample.end());
  EXPECT_GE(sample.front(), 0);
  EXPECT_LT(sample.back(), 1000);
  EXPECT_EQ(sample, sample_without_replacement(random, 1000, 400));
  EXPECT_NE(sample, sample_without_replacement(Philox(2, Stream{5}), 1000, 400));
}

TEST(Sample, IsAllRowsWhenThereAreNoMore) {
  EXPECT_THAT(sample_without_replacement(Philox(1, Stream{5}), 4, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(sample_without_replacement(Philox(1, Stream{5}), 3, 10), ElementsAre(0, 1, 2));
}

/// Every element equally often, the last ones (which Floyd's algorithm treats apart) too.
TEST(Sample, ChoosesEveryElementEquallyOften) {
  constexpr int draws = 4000;
  std::vector<int> hits(10, 0);
  for (int seed = 0; seed < draws; ++seed)
    for (const Index i : sample_without_replacement(Philox(static_cast<std::uint64_t>(seed), Stream{5}), 10, 3))
      ++hits[static_cast<std::size_t>(i)];
  const double deviation = std::sqrt(draws * 0.3 * 0.7);
  for (const int hit : hits) EXPECT_NEAR(hit, draws * 0.3, 6 * deviation);
}

TEST(Permutation, HoldsEachIndexOnceAndDependsOnTheDraw) {
  const Philox random(1, Stream{6});
  std::set<std::vector<Index>> orders;
  for (Index draw = 0; draw < 400; ++draw) {
    const std::vector<Index> order = permutation(random, 4, draw);
    EXPECT_THAT(order, testing::UnorderedElementsAre(0, 1, 2, 3));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 24u);  // 400 draws miss one of the 24 orders with probability 24 (23/24)^400 = 1e-6
  EXPECT_THAT(permutation(random, 0, 0), testing::IsEmpty());
}

}  // namespace
}  // namespace breakeven
