#include "numerics/chance.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace breakeven {
namespace {

TEST(Chance, OfADistanceIsTheBinomialDistribution) {
  EXPECT_EQ(chance_of_distance(4, -1), 0);
  EXPECT_NEAR(chance_of_distance(4, 0), 1.0 / 16, 1e-14);
  EXPECT_NEAR(chance_of_distance(4, 1), 5.0 / 16, 1e-14);
  EXPECT_NEAR(chance_of_distance(4, 4), 1, 1e-14);
  EXPECT_NEAR(chance_of_distance(7, 3), 0.5, 1e-14);
  EXPECT_NEAR(chance_of_distance(65536, 32768), 0.5 + 0.5 / std::sqrt(std::acos(-1.0) * 32768), 1e-8);
}

/// All ways to draw 3 of 7 places of which 4 are marked: 35, with 0, 1, 2, 3 marked ones in 1, 12, 18, 4 of them.
TEST(Chance, OfMarkedPlacesDrawnIsTheHypergeometricDistribution) {
  EXPECT_EQ(most_among_drawn(7, 4, 3, 0.9 / 35), 0);
  EXPECT_EQ(most_among_drawn(7, 4, 3, 1.1 / 35), 1);
  EXPECT_EQ(most_among_drawn(7, 4, 3, 12.9 / 35), 1);
  EXPECT_EQ(most_among_drawn(7, 4, 3, 13.1 / 35), 2);
  EXPECT_EQ(most_among_drawn(7, 4, 3, 30.9 / 35), 2);
  EXPECT_EQ(most_among_drawn(7, 4, 3, 31.1 / 35), 3);
  EXPECT_EQ(most_among_drawn(7, 4, 3, 1), 3);
  EXPECT_EQ(most_among_drawn(7, 0, 3, 1), 0);
  EXPECT_EQ(most_among_drawn(7, 4, 7, 0.5), 4);  // all are drawn: never fewer than all that are marked
  EXPECT_EQ(most_among_drawn(7, 6, 5, 1e-9), 4);
}

/// Against the plain sum of all terms, on either side of the middle, where the code sums from the largest term down.
TEST(Chance, OfADistanceIsTheSumOfAllTerms) {
  for (const Index n : {1, 2, 63, 64, 511}) {
    double sum = 0, term = std::pow(0.5, static_cast<double>(n));
    for (Index k = 0; k <= n; ++k) {
      sum += term;
      term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
      EXPECT_NEAR(chance_of_distance(n, k), sum, 1e-11) << n << " " << k;
      if (2 * k < n) {
        EXPECT_NEAR(chance_of_distance(n, k) / sum, 1, 1e-9) << n << " " << k;
      }
    }
  }
}

}  // namespace
}  // namespace breakeven
