#include "methods/inner_product/heavy_pairs/aggregate.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "methods/inner_product/heavy_pairs/popcount.hpp"
#include "support/heavy_pairs_runs.hpp"
#include "support/on_ranks.hpp"

namespace breakeven::inner_product {
namespace {

using testing::HasSubstr;
using testing_support::HeavyPairsData;
using testing_support::HeavyPairsMemory;
using testing_support::OnRanks;
using testing_support::PairList;
using testing_support::pairs_of;
using testing_support::pairs_spec;
using testing_support::search;

using AggregateSearch = OnRanks;

AggregateParams params_with(Index degree, Index group, double signal = 5.5) {
  AggregateParams params;
  params.degree = degree;
  params.group = group;
  params.signal = signal;
  return params;
}

struct Found {
  PairList pairs;
  AggregateCounts counts;
};

/// The search alone, without an oracle.
Found found(const Communicator& comm, const HeavyPairsData& data, const AggregateParams& params) {
  Aggregate<Word>::validate(data.spec, params);
  const HeavyPairsMemory source(data);
  const HeavyPairsProblem<Word> problem(data.spec, source, Layout::contiguous(data.spec.n, comm.size()), comm.rank());
  Aggregate<Word> method(comm, data.spec, params);
  PairList pairs = pairs_of(method.run(problem));
  return {std::move(pairs), method.counts()};
}

/// Of 16 planted pairs in 20 draws each is found with probability p: one round, so no draw helps another. Two pairs
/// that fall into one pair of groups may cancel each other: a share of k / m^2.
double recall_over_draws(const Communicator& comm, const HeavyPairsData& data, AggregateParams params) {
  const PairList all = search<Popcount>(comm, data).pairs;
  EXPECT_EQ(all.size(), 16u);
  params.rounds = 1;
  double hits = 0;
  for (params.draw = 0; params.draw < 20; ++params.draw) {
    const PairList some = found(comm, data, params).pairs;
    EXPECT_TRUE(std::includes(all.begin(), all.end(), some.begin(), some.end())) << "a hit that is none";
    hits += static_cast<double>(some.size());
  }
  return hits / (20.0 * 16);
}

TEST_P(AggregateSearch, FindsTheExpectedShareOverTwentyDraws) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(512, 4096, 0.7, 16));
    AggregateParams params = params_with(1, 8);
    for (const double threshold : {3.5, 5.0}) {
      params.threshold = threshold;
      const double expected = AggregatePlan(data.spec, params).recall_of_a_round(0.7, 4096);
      const double five_sigma = 5 * std::sqrt(expected * (1 - expected) / (20 * 16));
      EXPECT_NEAR(recall_over_draws(comm, data, params), expected, five_sigma + 16.0 / (64 * 64)) << threshold;
    }
  });
}

/// The signal of products of coordinates is skewed, so that the normal law of recall_of_a_round() is rough: 0.1 is what
/// is left of its promise at sets of 26 to 90 coordinates.
TEST_P(AggregateSearch, FindsAboutTheExpectedShareByProductsOfCoordinates) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(512, 512, 0.7, 16));
    for (const Index degree : {2, 3}) {
      const AggregateParams params = params_with(degree, 8);
      const double expected = AggregatePlan(data.spec, params).recall_of_a_round(0.7, 512);
      const double five_sigma = 5 * std::sqrt(expected * (1 - expected) / (20 * 16));
      EXPECT_NEAR(recall_over_draws(comm, data, params), expected, five_sigma + 0.1) << degree;
    }
  });
}

/// Sums of g^2 uncorrelated products: a normal to good approximation where g^2 = 256. Five standard deviations of a
/// share of 2 * 4096 pairs of groups.
TEST_P(AggregateSearch, LooksIntoTheExpectedShareWhereThereIsNothing) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(1024, 512, 0.9, 0));
    for (const Index degree : {1, 2}) {
      AggregateParams params = params_with(degree, 16, 1.2);
      params.threshold = 1.1;
      const AggregateCounts counts = found(comm, data, params).counts;
      const double expected = std::erfc(1.1 / std::numbers::sqrt2);
      EXPECT_DOUBLE_EQ(counts.flagged_share_expected, expected);
      EXPECT_NEAR(counts.flagged_share, expected, 5 * std::sqrt(expected * (1 - expected) / 8192)) << degree;
      EXPECT_EQ(counts.flagged_pairs, static_cast<Index>(std::lround(8192 * counts.flagged_share)));
    }
  });
}

TEST_P(AggregateSearch, DoesNotDependOnTilesOrTheProduct) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true}) {
      const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(333, 300, 0.6, 40, self));  // a group of one row
      AggregateParams params = params_with(2, 4, 4);
      const Found plain = found(comm, data, params);
      EXPECT_GT(plain.pairs.size(), 30u);
      for (const Index tile : {1, 7, 50}) {
        params.tile = tile;
        EXPECT_EQ(found(comm, data, params).pairs, plain.pairs) << tile;
      }
      params.multiply = "strassen";
      for (const Index levels : {1, 3}) {
        params.levels = levels;
        const Found recursive = found(comm, data, params);
        EXPECT_EQ(recursive.pairs, plain.pairs) << levels;
        EXPECT_EQ(recursive.counts.flagged_pairs, plain.counts.flagged_pairs) << levels;
      }
    }
  });
}

TEST_P(AggregateSearch, FindsPairsWithinAGroupOfOneSet) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(40, 512, 0.8, 20, true));
    AggregateParams params = params_with(2, 40);  // one group: no product at all
    params.signal = 1;
    params.threshold = 0.9;
    const Found run = found(comm, data, params);
    EXPECT_EQ(run.pairs, search<Popcount>(comm, data).pairs);
    EXPECT_EQ(run.counts.flagged_pairs, 0);
  });
}

/// Rows of A and B where the heavy pairs are, as many in each case: all in one block of rows of A, or in one row of it.
enum class Where { anywhere, one_block, one_row };

HeavyPairsData with_heavy_pairs(Where where, Index pairs) {
  HeavyPairsData data = HeavyPairsData::generated(pairs_spec(1024, 4096, 0.7, where == Where::anywhere ? pairs : 0));
  for (Index k = 0; k < pairs && where != Where::anywhere; ++k)
    std::copy_n(data.a.row(0, where == Where::one_block ? k : 5), data.spec.words(), data.b.row(0, 13 * k + 2));
  return data;
}

using AggregateBalance = OnRanks;

/// Whoever found them, and wherever the heavy rows lie: pairs of groups are dealt out in turn, so that no rank compares
/// more than one more than another. In groups of 8, whose flags are heavy pairs: 2 Q(4.5) of 16,384 are none.
TEST_P(AggregateBalance, DealsTheFlaggedWorkEvenlyWhereverTheHeavyPairsAre) {
  on_ranks([](const Communicator& comm) {
    for (const Where where : {Where::anywhere, Where::one_block, Where::one_row}) {
      const HeavyPairsData data = with_heavy_pairs(where, 64);
      AggregateParams params = params_with(1, 8);
      params.threshold = 4.5;
      const HeavyPairsMemory source(data);
      const HeavyPairsProblem<Word> problem(data.spec, source, Layout::contiguous(1024, comm.size()), comm.rank());
      Aggregate<Word> method(comm, data.spec, params);
      method.run(problem);
      const Index of_a_pair = 8 * 8, flagged = method.counts().flagged_pairs, least = flagged / comm.size();
      EXPECT_GE(flagged, 40) << "not only noise";
      EXPECT_GE(method.compared(), least * of_a_pair) << static_cast<int>(where);
      EXPECT_LE(method.compared(), (least + 1) * of_a_pair) << static_cast<int>(where);
      EXPECT_EQ(comm.all_reduce(method.compared()), flagged * of_a_pair) << "each pair once";
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Aggregate, AggregateBalance, testing::Values(1, 3, 7), testing_support::rank_count_name);

/// A tiny threshold flags all but the products of exactly 0; the list of them is on every rank, so it has a bound.
TEST_P(AggregateSearch, RefusesToListNearlyAllPairsOfGroups) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(2400, 64, 0.9, 0));
    AggregateParams params = params_with(1, 2, 3);
    params.threshold = 1e-3;
    params.rounds = 20;  // of 1,200 x 1,200 pairs each, three of four flagged: 21.6 million, where 2^24 fit
    try {
      found(comm, data, params);
      ADD_FAILURE() << "listed";
    } catch (const CollectiveError& error) {
      EXPECT_THAT(error.what(), HasSubstr("threshold = 0.001 flags more than 16777216 pairs of groups, at least "));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Aggregate, AggregateSearch, testing::Values(1, 3), testing_support::rank_count_name);

AggregateCounts expected(Index n, Index d, double rho, const AggregateParams& params) {
  return Aggregate<Word>::expected(HeavyPairsProblem<Word>::normalised(pairs_spec(n, d, rho, 0)), params);
}

TEST(AggregatePlan, NeedsAsManyMultiplyAddsWhateverTheGroup) {
  for (const Index degree : {1, 2, 3})
    for (const Index group : {4, 8, 16, 32}) {
      const AggregateCounts counts = expected(1 << 14, 1 << 17, 0.7, params_with(degree, group));
      EXPECT_GE(counts.multiply_adds, counts.model_multiply_adds * (1 - 1e-12));
      // t is rounded up to the next s^degree: a share of degree / s more
      const double s = std::pow(static_cast<double>(counts.features), 1 / static_cast<double>(degree));
      EXPECT_LE(static_cast<double>(counts.multiply_adds),
                counts.model_multiply_adds * std::pow(1 + 1 / (s - 1), static_cast<double>(degree)))
          << degree << ' ' << group;
    }
}

TEST(AggregatePlan, HasStrassensExponentWithARecursionThatGrows) {
  AggregateParams params = params_with(2, 8);
  params.tile = 1 << 14;
  const auto exponent = [&] {
    return std::log2(static_cast<double>(expected(1 << 16, 512, 0.7, params).multiply_adds) /
                     static_cast<double>(expected(1 << 12, 512, 0.7, params).multiply_adds)) /
           4;
  };
  EXPECT_NEAR(exponent(), 2, 1e-12);
  params.multiply = "strassen";
  EXPECT_EQ(expected(1 << 12, 512, 0.7, params).strassen_levels, 2);  // 512 groups: halves of 256 and 128
  EXPECT_EQ(expected(1 << 16, 512, 0.7, params).strassen_levels, 6);
  EXPECT_NEAR(exponent(), 2 + std::log2(7.0 / 8), 0.01);  // t is filled up to multiples of 4 and of 64
}

/// Formulas evaluated by hand for the paper's algorithm: what it would need at sizes of interest.
TEST(AggregatePlan, ThePapersConstantsAreOutOfReach) {
  const auto expect = [](int log2_n, double gap, double dimension, Index degree, double log10_features) {
    const PaperConstants constants = paper_constants(std::exp2(log2_n), 0.5, gap);
    EXPECT_EQ(constants.dimension, dimension);
    EXPECT_EQ(constants.degree, degree);
    EXPECT_NEAR(constants.log10_features, log10_features, 0.05);
    EXPECT_GT(constants.log10_features, 2.0 / 3 * log2_n * std::log10(2.0)) << "t would have to be n^(2/3)";
  };
  expect(15, 4, 3340, 4, 12.7);
  expect(15, 16, 53438, 2, 9.2);
  expect(20, 16, 67634, 3, 13.7);
  expect(30, 64, 1536399, 3, 17.8);
}

std::string why_not(const AggregateParams& params, Index n = 1000, Index d = 512, double rho = 0.7) {
  try {
    Aggregate<Word>::validate(HeavyPairsProblem<Word>::normalised(pairs_spec(n, d, rho, 0)), params);
  } catch (const BadRequest& refused) {
    return refused.what();
  }
  return "";
}

TEST(AggregatePlan, TakesTheFewestFactorsThatTheCoordinatesAllow) {
  const auto degree = [](Index d) { return expected(1000, d, 0.7, params_with(unknown_index, 8)).degree_used; };
  EXPECT_EQ(degree(3952), 1);
  EXPECT_EQ(degree(3951), 2);
  EXPECT_EQ(degree(180), 2);
  EXPECT_EQ(degree(179), 3);
  EXPECT_EQ(why_not(params_with(unknown_index, 8), 1000, 78), "");
  EXPECT_THAT(why_not(params_with(unknown_index, 8), 1000, 77), HasSubstr("d must be at least 3 ceil(t^(1/3)) = 78"));
}

TEST(AggregatePlan, RefusesSettingsOutOfBounds) {
  EXPECT_EQ(why_not(params_with(2, 8)), "");
  EXPECT_EQ(why_not(params_with(4, 8)), "degree must be 1, 2 or 3, got 4");
  EXPECT_EQ(why_not(params_with(2, 1)), "group must be between 2 and 1000 at n = 1000, got 1");
  EXPECT_EQ(why_not(params_with(2, 8), 7), "group must be between 2 and 7 at n = 7, got 8");
  EXPECT_EQ(why_not(params_with(2, 8, 0)), "signal must be positive, got 0");
  AggregateParams params = params_with(2, 8);
  params.threshold = 5.5;
  EXPECT_EQ(why_not(params), "threshold must be above 0 and below signal = 5.5, got 5.5");
  params = params_with(2, 8, 2);
  EXPECT_EQ(why_not(params), "threshold must be above 0 and below signal = 2, got 0");  // signal - 2
  params = params_with(2, 8);
  params.rounds = 0;
  EXPECT_EQ(why_not(params), "rounds must be at least 1, got 0");
  params.rounds = 1;
  params.tile = 0;
  EXPECT_EQ(why_not(params), "tile must be at least 1, got 0");
  params.tile = 1;
  EXPECT_EQ(why_not(params, 8200), "tile must leave at most 2^20 tiles of groups, got 1: 1050625 tiles");
  params.tile = 2;
  EXPECT_EQ(why_not(params, 8200), "");
  params.levels = 2;
  EXPECT_EQ(why_not(params), "levels belongs to multiply strassen, got multiply blas");
  params.multiply = "strassen";
  params.levels = 8;
  EXPECT_EQ(why_not(params), "levels must be between 0 and 7, got 8");
}

TEST(AggregatePlan, RefusesMoreFeaturesThanTheCoordinatesMake) {
  EXPECT_THAT(why_not(params_with(1, 8)), HasSubstr("d must be at least t = 3952 for t = "));
  EXPECT_THAT(why_not(params_with(2, 8), 1000, 179), HasSubstr("d must be at least 2 ceil(t^(1/2)) = 180"));
  EXPECT_THAT(why_not(params_with(2, 8), 1000, 179),
              HasSubstr("= 8064 features (group 8, signal 5.5, rho 0.7, degree 2), got 179"));
  EXPECT_EQ(why_not(params_with(2, 8), 1000, 180), "");
  EXPECT_THAT(why_not(params_with(3, 8), 1000, 77), HasSubstr("d must be at least 3 ceil(t^(1/3)) = 78"));
  EXPECT_THAT(why_not(params_with(1, 500), 1000, 1 << 20), HasSubstr("group must keep t group^2 below 2^31"));
}

}  // namespace
}  // namespace breakeven::inner_product
