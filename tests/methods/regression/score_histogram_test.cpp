#include "methods/regression/score_histogram.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/layout.hpp"
#include "base/philox.hpp"
#include "support/on_ranks.hpp"

namespace breakeven::regression {
namespace {

using Histogram = testing_support::OnRanks;

/// Scores over many powers of two, some of them beyond the bins at either end.
std::vector<double> scores(Index n) {
  const Philox random(1, Stream{1});
  std::vector<double> all(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i)
    all[static_cast<std::size_t>(i)] = std::exp2(-60 * random.uniform(i) * random.uniform(i) + 3);
  return all;
}

TEST_P(Histogram, ScalesScoresToTheWantedNumberOfRows) {
  on_ranks([](const Communicator& comm) {
    constexpr Index n = 5000;
    const std::vector<double> all = scores(n);
    ScoreHistogram histogram;
    const Range mine = block(n, comm.size(), comm.rank());
    for (int twice : {0, 1}) {  // cleared, it counts afresh
      histogram.clear();
      histogram.add(
          std::span(all).subspan(static_cast<std::size_t>(mine.begin), static_cast<std::size_t>(mine.size())));
      histogram.reduce(comm);
      for (const double rows : {1.0, 7.0, 100.0, 2500.0, 4990.0}) {
        const double scale = histogram.scale_for(rows);
        double sum = 0;
        for (const double score : all) sum += std::min(1.0, scale * score);
        EXPECT_LE(sum, rows * (1 + 1e-12)) << rows << " " << twice;
        EXPECT_GE(sum, rows * 7 / 8) << rows << " " << twice;
      }
      EXPECT_EQ(histogram.scale_for(5001), std::numeric_limits<double>::infinity());
    }
  });
}

TEST_P(Histogram, ZerosAreNoRowsAndInfinityIsOne) {
  on_ranks([](const Communicator& comm) {
    ScoreHistogram histogram;
    const double mine[] = {0.0, 0.25, std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()};
    if (comm.is_root()) histogram.add(mine);
    histogram.reduce(comm);
    EXPECT_DOUBLE_EQ(histogram.scale_for(1.5), 2);  // the infinite one is kept, 0.25 makes half a row
    EXPECT_EQ(histogram.scale_for(2.5), std::numeric_limits<double>::infinity());
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Histogram, testing::Values(1, 3), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::regression
