#include "methods/inner_product/heavy_pairs/prefix.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "numerics/chance.hpp"
#include "support/heavy_pairs_runs.hpp"
#include "support/on_ranks.hpp"

namespace breakeven::inner_product {
namespace {

using testing_support::by_definition;
using testing_support::HeavyPairsData;
using testing_support::OnRanks;
using testing_support::PairList;
using testing_support::pairs_spec;
using testing_support::search;

using PrefixSearch = OnRanks;

/// Twenty draws of coordinates on one data set: each of the 500 pairs is found in each draw with probability `recall`
/// at least. Pairs share the draw, so only the 20 draws are independent: 5 sigma of the mean of 20 shares, each with
/// standard deviation sqrt(recall (1 - recall)) at most.
TEST_P(PrefixSearch, FindsTheShareThatWasAskedFor) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(600, 512, 0.5, 500));
    for (const double recall : {0.8, 0.99}) {
      double error = 0;
      for (Index draw = 0; draw < 20; ++draw) {
        PrefixParams params;
        params.recall = recall;
        params.prefix_bits = 128;
        params.draw = draw;
        const auto run = search<Prefix>(comm, data, params);
        EXPECT_EQ(run.quality.precision, 1);
        EXPECT_EQ(run.promise.kind, Promise::Kind::probable);
        EXPECT_EQ(run.promise.metric, "error");
        EXPECT_DOUBLE_EQ(run.promise.bound, 1 - recall);
        error += run.quality.error / 20;
      }
      EXPECT_LE(error, 1 - recall + 5 * std::sqrt(recall * (1 - recall) / 20)) << recall;
      EXPECT_GT(error, 0) << "a threshold that finds all is too generous: it costs time";
    }
  });
}

/// Differences of all heavy pairs in the first word alone: random coordinates do not mind, the first ones miss them.
TEST_P(PrefixSearch, RandomCoordinatesDoNotMindStructure) {
  on_ranks([](const Communicator& comm) {
    HeavyPairsData data = HeavyPairsData::generated(pairs_spec(60, 512, 0.8, 0));
    for (Index i = 0; i < 60; ++i) {
      std::copy_n(data.a.row(0, i), 8, data.b.row(0, i));
      data.b(0, i, 0) ^= (Word{1} << 50) - 1;  // distance 50, radius 51
    }
    PrefixParams params;
    params.prefix_bits = 128;
    EXPECT_EQ(search<Prefix>(comm, data, params).quality.error, 0);
    params.coordinates = "first";
    EXPECT_EQ(search<Prefix>(comm, data, params).quality.error, 1);
  });
}

TEST_P(PrefixSearch, IsExactWhereNoHeavyPairCanHide) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(90, 130, 0.3, 10));
    PrefixParams certain;
    certain.recall = 1;
    PrefixParams short_one = certain;
    short_one.prefix_bits = 9;
    PrefixParams whole;
    whole.prefix_bits = 130;
    for (PrefixParams params : {certain, short_one, whole})
      for (params.draw = 0; params.draw < 3; ++params.draw) {
        const auto run = search<Prefix>(comm, data, params);
        EXPECT_EQ(run.pairs, by_definition(data));
        EXPECT_EQ(run.promise.kind, Promise::Kind::certified);
        EXPECT_EQ(run.promise.bound, 0);
      }
  });
}

/// What a probable search finds is a matter of its draw, not of who compares what.
TEST_P(PrefixSearch, FindsTheSamePairsInAGridAndInARing) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(200, 512, 0.5, 150));
    PrefixParams params;
    params.prefix_bits = 20;
    params.recall = 0.7;
    const PairList grid = search<Prefix>(comm, data, params).pairs;
    params.partition = "ring";
    EXPECT_EQ(search<Prefix>(comm, data, params).pairs, grid);
    EXPECT_LT(grid.size(), 150U) << "some are missed";
  });
}

/// Pairs are flagged independently but for the rows they share; 6 sigma of as many as pass, doubled for those.
TEST_P(PrefixSearch, FlagsTheShareThatWasPredicted) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true})
      for (const Index bits : {64, 100, 128}) {
        const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(700, 512, 0.5, 0, self));
        PrefixParams params;
        params.prefix_bits = bits;
        const auto run = search<Prefix>(comm, data, params);
        const double expected = run.counts.flagged_predicted * data.spec.pairs();
        EXPECT_NEAR(static_cast<double>(run.counts.flagged), expected, 12 * std::sqrt(expected) + 1) << bits;
        EXPECT_DOUBLE_EQ(run.counts.flagged_share, static_cast<double>(run.counts.flagged) / data.spec.pairs());
        EXPECT_EQ(run.counts.prefix_bits_used, bits);
        EXPECT_EQ(run.counts.prefix_radius, most_among_drawn(512, 128, bits, 0.99));
      }
  });
}

TEST(PrefixPlan, ComparesMoreBitsWhereHeavyAndBackgroundPairsAreHarderToTell) {
  Index before = 0;
  for (const double rho : {0.9, 0.7, 0.5, 0.3, 0.1}) {
    const PrefixPlan plan = plan_prefix(pairs_spec(1 << 17, 1024, rho, 0), {});
    EXPECT_GE(plan.bits, before) << rho;
    EXPECT_LE(plan.flagged_share, 0.02) << rho;
    before = plan.bits;
  }
  EXPECT_EQ(plan_prefix(pairs_spec(1 << 17, 1024, 0.9, 0), {}).bits, 64);
  EXPECT_EQ(before, 1024) << "at rho = 0.1 no prefix helps";
  EXPECT_EQ(plan_prefix(pairs_spec(100, 50, 0.5, 0), {}).bits, 50) << "rows of one word are compared whole";
}

INSTANTIATE_TEST_SUITE_P(, PrefixSearch, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::inner_product
