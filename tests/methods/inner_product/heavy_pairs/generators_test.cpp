#include "methods/inner_product/heavy_pairs/generators.hpp"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <set>

#include "support/heavy_pairs_runs.hpp"

namespace breakeven::inner_product {
namespace {

using testing_support::by_definition;
using testing_support::HeavyPairsData;
using testing_support::inner_product_of;
using testing_support::pairs_spec;
using testing_support::sign;

/// d odd, below a word, whole words, and a word with one bit; a radius of nothing, of a few, of almost half.
TEST(GeneratedSigns, PlantsPairsAtExactlyTheRadiusInDistinctRows) {
  for (const bool self : {false, true})
    for (const Index d : {33, 64, 65, 200})
      for (const double rho : {0.99, 0.5, 0.05}) {
        const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(30, d, rho, self ? 15 : 30, self), 7);
        std::set<Index> rows_a, rows_b;
        for (const PlantedPair& pair : planted_pairs(data.spec, 7)) {
          EXPECT_EQ(inner_product_of(data, pair.i, pair.j), d - 2 * data.spec.radius()) << d << " " << rho;
          EXPECT_TRUE(rows_a.insert(pair.i).second);
          EXPECT_TRUE((self ? rows_a : rows_b).insert(pair.j).second);
          EXPECT_TRUE(!self || pair.i < pair.j);
        }
        EXPECT_EQ(rows_a.size() + rows_b.size(), self ? 30u : 60u);
      }
}

TEST(GeneratedSigns, PlantedPairsAreAmongTheHeavyOnes) {
  for (const bool self : {false, true}) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(60, 100, 0.3, 8, self), 3);
    std::set<std::array<Index, 2>> heavy;
    for (const auto& [i, j, product] : by_definition(data)) heavy.insert({i, j});
    EXPECT_GT(heavy.size(), 8u) << "rho is low enough for a background";
    for (const PlantedPair& pair : planted_pairs(data.spec, 3)) EXPECT_TRUE(heavy.contains({pair.i, pair.j}));
  }
}

TEST(GeneratedSigns, PaddingIsZero) {
  for (const char* kind : {"uniform", "clustered"}) {
    HeavyPairsSpec spec = pairs_spec(20, 70, 0.5, 5);
    spec.data = kind;
    const HeavyPairsData data = HeavyPairsData::generated(spec);
    for (const Array<Word>* rows : {&data.a, &data.b})
      for (Index i = 0; i < 20; ++i) EXPECT_EQ((*rows)(0, i, 1) & ~last_word_mask(70), 0u);
  }
}

/// Mean of all signs of A and B: 0 +- 5 / sqrt(signs).
TEST(GeneratedSigns, UniformOnesAreFair) {
  const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(400, 200, 0.5, 0));
  Index sum = 0, same = 0;
  for (Index i = 0; i < 400; ++i)
    for (Index c = 0; c < 200; ++c) {
      sum += sign(data.a, i, c) + sign(data.b, i, c);
      same += sign(data.a, i, c) * sign(data.b, i, c);
    }
  EXPECT_LE(std::abs(static_cast<double>(sum)), 5 * std::sqrt(2.0 * 400 * 200));
  EXPECT_LE(std::abs(static_cast<double>(same)), 5 * std::sqrt(400.0 * 200)) << "A and B are independent";
}

/// Two rows of one centre correlate at `background`. Given the centre each pair's inner product has variance d at most,
/// and pairs that share no row are independent: 5 sigma of 150 of them.
TEST(GeneratedSigns, BackgroundCorrelatesAsAsked) {
  for (const double background : {0.0, 0.2, 0.6}) {
    HeavyPairsSpec spec = pairs_spec(150, 1000, 0.9, 0);
    spec.background = background;
    spec.data = "biased";
    const HeavyPairsData data = HeavyPairsData::generated(spec);
    double sum = 0;
    for (Index i = 0; i < 150; ++i) sum += static_cast<double>(inner_product_of(data, i, i));
    // flips are multiples of 2^-16: the correlation is off by 4 * 2^-16 at most
    EXPECT_NEAR(sum / (150.0 * 1000), background, 5 / std::sqrt(150.0 * 1000) + 0x1p-14) << background;
  }
}

TEST(GeneratedSigns, ClustersAreAsManyAsAskedAndIndependent) {
  HeavyPairsSpec spec = pairs_spec(120, 1000, 0.9, 0);
  spec.data = "clustered";
  spec.background = 0.81;
  spec.clusters = 4;
  const HeavyPairsData data = HeavyPairsData::generated(spec);
  // Rows of one cluster correlate at 0.81, others at 0 +- 5 / sqrt(1000) = 0.16: nothing lies between.
  std::vector<Index> first_of_cluster;
  for (Index i = 0; i < 120; ++i) {
    Index clusters = 0;
    for (const Index first : first_of_cluster) {
      Index product = 0;
      for (Index c = 0; c < 1000; ++c) product += sign(data.a, i, c) * sign(data.a, first, c);
      EXPECT_TRUE(product < 300 || product > 600) << product;
      if (product > 600) ++clusters;
    }
    EXPECT_LE(clusters, 1);
    if (clusters == 0) first_of_cluster.push_back(i);
  }
  EXPECT_EQ(first_of_cluster.size(), 4u);
  Index within = 0;
  for (Index j = 0; j < 120; ++j)
    for (const Index first : first_of_cluster)
      if (inner_product_of(data, first, j) > 600) ++within;
  EXPECT_EQ(within, 120) << "B's rows belong to the clusters of A";
}

TEST(GeneratedSigns, ChangeWithTheSeed) {
  const HeavyPairsData one = HeavyPairsData::generated(pairs_spec(5, 640, 0.5, 2), 1);
  const HeavyPairsData two = HeavyPairsData::generated(pairs_spec(5, 640, 0.5, 2), 2);
  Index differing = 0;
  for (Index k = 0; k < one.a.size(); ++k) differing += std::popcount(one.a.data()[k] ^ two.a.data()[k]);
  EXPECT_NEAR(static_cast<double>(differing), 5 * 320, 5 * std::sqrt(5 * 160.0));
}

}  // namespace
}  // namespace breakeven::inner_product
