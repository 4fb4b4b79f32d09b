#include "base/statistics.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace breakeven {
namespace {

std::vector<double> one_to(int n) {
  std::vector<double> samples(static_cast<std::size_t>(n));
  std::iota(samples.begin(), samples.end(), 1.0);
  std::reverse(samples.begin(), samples.end());  // order of arrival must not matter
  return samples;
}

/// Ranks of the order statistics and true coverage 1 - 2 P(Binomial(n, 1/2) < low), in exact fractions.
TEST(MedianInterval, IsTheTableOfOrderStatistics) {
  struct Row {
    int n;
    double low, high, coverage;
  };
  constexpr Row table[] = {
      {1, 1, 1, 0},                        // one sample covers nothing
      {2, 1, 2, 0.5},                      // [min, max]
      {5, 1, 5, 0.9375},                   // below 6 no pair reaches 95 %
      {6, 1, 6, 0.96875},                  // the first that does
      {8, 1, 8, 1 - 2.0 / 256},            // the next pair has 0.9297
      {9, 2, 8, 1 - 2.0 * 10 / 512},       //
      {15, 4, 12, 1 - 2.0 * 576 / 32768},  // 0.9648, the default repetitions
      {20, 6, 15, 1 - 2.0 * 21700 / 1048576},
  };
  for (const Row& row : table) {
    const MedianInterval interval = median_interval(one_to(row.n));
    EXPECT_EQ(interval.low, row.low) << "n=" << row.n;
    EXPECT_EQ(interval.high, row.high) << "n=" << row.n;
    EXPECT_NEAR(interval.confidence, row.coverage, 1e-12) << "n=" << row.n;
    EXPECT_EQ(interval.median, 0.5 * (row.n + 1)) << "n=" << row.n;
  }
}

TEST(MedianInterval, IsNarrowerWhenLessIsAsked) {
  const MedianInterval interval = median_interval(one_to(15), 0.5);
  EXPECT_EQ(interval.low, 6);  // the pair inside it, 7 and 9, has 1 - 2 * 9949 / 32768 = 0.39
  EXPECT_EQ(interval.high, 10);
  EXPECT_NEAR(interval.confidence, 1 - 2.0 * 4944 / 32768, 1e-12);
}

/// What the number promises: the interval of n uniform samples covers 1/2 in that share of the experiments.
TEST(MedianInterval, CoversAsOftenAsItSays) {
  constexpr Index experiments = 4000, n = 9;
  const Philox random(1, Stream{7});
  Index covered = 0;
  for (Index e = 0; e < experiments; ++e) {
    std::vector<double> samples;
    for (Index i = 0; i < n; ++i) samples.push_back(random.uniform(e, i));
    const MedianInterval interval = median_interval(samples);
    covered += interval.low <= 0.5 && 0.5 <= interval.high;
  }
  const double expected = 1 - 2.0 * 10 / 512;
  const double deviation = std::sqrt(expected * (1 - expected) / experiments);
  EXPECT_NEAR(static_cast<double>(covered) / experiments, expected, 6 * deviation);
}

TEST(Median, IsTheMiddleOrTheMeanOfTheTwoMiddleOnes) {
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_THROW(median(std::vector<double>{}), Failure);
  EXPECT_THROW(median_interval(std::vector<double>{}), Failure);
}

}  // namespace
}  // namespace breakeven
