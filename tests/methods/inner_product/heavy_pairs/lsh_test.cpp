#include "methods/inner_product/heavy_pairs/lsh.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "numerics/chance.hpp"
#include "support/heavy_pairs_runs.hpp"
#include "support/on_ranks.hpp"

namespace breakeven::inner_product {
namespace {

using testing_support::by_definition;
using testing_support::HeavyPairsData;
using testing_support::OnRanks;
using testing_support::pairs_spec;
using testing_support::search;

using LshSearch = OnRanks;

LshParams params_of(double recall, Index key_bits, Index key_radius, Index draw = 1) {
  LshParams params;
  params.recall = recall;
  params.key_bits = key_bits;
  params.key_radius = key_radius;
  params.draw = draw;
  return params;
}

/// Twenty draws on one data set: each of the 300 pairs is found in each draw with probability `recall` at least. Pairs
/// share the draws, so only the 20 are independent: 5 sigma of the mean of 20 shares, each with standard deviation
/// sqrt(recall (1 - recall)) at most.
TEST_P(LshSearch, FindsTheShareThatWasAskedFor) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(400, 512, 0.5, 300));
    for (const auto& [recall, key_bits, key_radius] :
         {std::tuple{0.8, Index{6}, Index{0}}, {0.8, Index{10}, Index{1}}, {0.9, Index{12}, Index{2}}}) {
      double error = 0;
      for (Index draw = 0; draw < 20; ++draw) {
        const LshParams params = params_of(recall, key_bits, key_radius, draw);
        const auto run = search<Lsh>(comm, data, params);
        EXPECT_EQ(run.quality.precision, 1);
        EXPECT_EQ(run.promise.kind, Promise::Kind::probable);
        EXPECT_EQ(run.promise.metric, "error");
        EXPECT_DOUBLE_EQ(run.promise.bound, 1 - plan_lsh(data.spec, params).recall);
        EXPECT_GE(plan_lsh(data.spec, params).recall, recall);
        error += run.quality.error / 20;
      }
      EXPECT_LE(error, 1 - recall + 5 * std::sqrt(recall * (1 - recall) / 20)) << recall << " " << key_bits;
      EXPECT_GT(error, 0) << "more tables than asked for cost time";
    }
  });
}

/// All rows of eight signs against each other: some pair has its differences wherever keys would overlook them.
TEST_P(LshSearch, MissesNothingAtRecallOne) {
  on_ranks([](const Communicator& comm) {
    for (const double rho : {0.2, 0.5, 0.7}) {
      HeavyPairsData data = HeavyPairsData::generated(pairs_spec(256, 8, rho, 0, true));
      for (Index i = 0; i < 256; ++i) data.a(0, i, 0) = static_cast<Word>(i);
      for (const auto& [key_bits, key_radius] : {std::pair<Index, Index>{0, 0}, {0, unknown_index}, {1, 0}, {2, 1}})
        for (Index draw = 0; draw < 3; ++draw) {
          const auto run = search<Lsh>(comm, data, params_of(1, key_bits, key_radius, draw));
          EXPECT_EQ(run.pairs, by_definition(data)) << rho << " " << key_bits << " " << key_radius;
          EXPECT_EQ(run.promise.kind, Promise::Kind::certified);
          EXPECT_EQ(run.promise.bound, 0);
          EXPECT_EQ(run.counts.tables, data.spec.radius() / (run.counts.key_radius_used + 1) + 1);
        }
    }
  });
}

/// Differences of all heavy pairs in the first word alone.
TEST_P(LshSearch, RandomCoordinatesDoNotMindStructure) {
  on_ranks([](const Communicator& comm) {
    HeavyPairsData data = HeavyPairsData::generated(pairs_spec(60, 512, 0.8, 0));
    for (Index i = 0; i < 60; ++i) {
      std::copy_n(data.a.row(0, i), 8, data.b.row(0, i));
      data.b(0, i, 0) ^= (Word{1} << 50) - 1;  // distance 50, radius 51
    }
    EXPECT_LE(search<Lsh>(comm, data, params_of(0.99, 8, 0)).quality.error, 0.01 + 5 * std::sqrt(0.01 / 60));
  });
}

/// Rows equal to each other meet in every table of every rank: each pair is handed over once all the same.
TEST_P(LshSearch, ReportsAPairOnceHoweverOftenItMeets) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true}) {
      HeavyPairsData data = HeavyPairsData::generated(pairs_spec(40, 130, 0.5, 0, self));
      for (Index i = 1; i < 40; ++i) std::copy_n(data.a.row(0, 0), 3, data.a.row(0, i));
      for (Index j = 0; j < 40; ++j) std::copy_n(data.a.row(0, 0), 3, data.b.row(0, j));
      const auto run = search<Lsh>(comm, data, params_of(0.99, 7, 1));
      EXPECT_GT(run.counts.tables, 7) << "some on each rank";
      EXPECT_EQ(run.pairs, by_definition(data));
      EXPECT_EQ(run.counts.gathered, static_cast<Index>(run.pairs.size()));
      EXPECT_EQ(run.counts.met, run.counts.tables * (self ? 40 * 39 / 2 : 40 * 40));
    }
  });
}

/// What is found depends on the draw alone: a pair that meets in a table is found whichever rank has it.
TEST_P(LshSearch, LooksAtAsManyPairsAsPredicted) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true})
      for (const auto& [key_bits, key_radius] : {std::pair<Index, Index>{6, 0}, {9, 1}, {12, 2}}) {
        const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(500, 512, 0.5, 0, self));
        const LshParams params = params_of(0.9, key_bits, key_radius);
        const auto run = search<Lsh>(comm, data, params);
        const LshPlan plan = plan_lsh(data.spec, params);
        // Pairs meet independently but for the rows and coordinates they share: 6 sigma, twice as wide for those.
        EXPECT_NEAR(static_cast<double>(run.counts.met), plan.met, 12 * std::sqrt(plan.met)) << key_bits;
        EXPECT_NEAR(static_cast<double>(run.counts.candidates), plan.candidates, 12 * std::sqrt(plan.candidates) + 6);
        EXPECT_EQ(run.counts.met_expected, plan.met);
        EXPECT_EQ(run.counts.candidates_expected, plan.candidates);
        EXPECT_EQ(run.counts.tables, plan.tables);
        EXPECT_EQ(run.counts.key_bits_used, key_bits);
        EXPECT_EQ(run.counts.key_radius_used, key_radius);
        EXPECT_EQ(run.counts.check_bits, plan.check_bits);
      }
  });
}

TEST(LshPlan, IsTheLeastNumberOfTablesThatReachesTheRecall) {
  const HeavyPairsSpec spec = pairs_spec(1 << 14, 512, 0.5, 0);
  for (const Index key_radius : {0, 1, 2})
    for (const double recall : {0.5, 0.9, 0.999}) {
      const LshPlan plan = plan_lsh(spec, params_of(recall, 12, key_radius));
      EXPECT_GE(plan.recall, recall);
      const double meets = chance_among_drawn(512, 128, 12, key_radius);
      const double passes = chance_among_drawn(512, 128, plan.check_bits, plan.check_radius);
      EXPECT_NEAR(plan.recall, passes * (1 - std::pow(1 - meets, plan.tables)), 1e-12);
      EXPECT_LT(passes * (1 - std::pow(1 - meets, plan.tables - 1)), recall) << "one table less does not";
    }
  // Without replacement: C(384, 12) / C(512, 12) = 0.03032, a little less than 0.75^12 = 0.0317.
  EXPECT_NEAR(chance_among_drawn(512, 128, 12, 0), 0.03032, 0.00001);
}

TEST(LshPlan, NeedsMoreTablesWhereHeavyPairsAreLessAlike) {
  double before = 0;
  for (const double rho : {0.9, 0.7, 0.5, 0.3}) {
    HeavyPairsSpec spec = pairs_spec(1 << 17, 1024, rho, 0);
    spec.n_b = spec.n;
    const LshPlan plan = plan_lsh(spec, {});
    EXPECT_GT(plan.cost, before) << rho;
    EXPECT_GE(plan.recall, 0.99);
    before = plan.cost;
  }
  EXPECT_EQ(plan_lsh(pairs_spec(3, 1, 0.5, 0), {}).check_bits, 1) << "rows of one sign";
}

TEST(LshPlan, RefusesWhatItCannotDo) {
  const auto message = [](const HeavyPairsSpec& spec, const LshParams& params) -> std::string {
    try {
      Lsh<Word>::validate(spec, params);
    } catch (const BadRequest& error) {
      return error.what();
    }
    return "accepted";
  };
  const HeavyPairsSpec spec = pairs_spec(1000, 512, 0.5, 0);
  EXPECT_EQ(message(spec, {}), "accepted");
  EXPECT_EQ(message(spec, params_of(1, 3, 0)), "accepted") << "129 tables, 387 coordinates";
  EXPECT_EQ(message(spec, params_of(1, 4, 0)),
            "key-bits = 4: disjoint keys, as recall = 1 needs them, do not fit into d = 512 coordinates at this rho; "
            "take fewer");
  EXPECT_EQ(message(spec, params_of(1.01, 0, 0)), "recall must be above 0 and at most 1, got 1.01");
  EXPECT_EQ(message(spec, params_of(0, 0, 0)), "recall must be above 0 and at most 1, got 0");
  EXPECT_EQ(message(spec, params_of(std::nan(""), 0, 0)), "recall must be above 0 and at most 1, got NaN");
  EXPECT_EQ(message(spec, params_of(0.9, 25, 0)), "key-bits must be at least 0 and at most 24 (24, or d), got 25");
  EXPECT_EQ(message(pairs_spec(10, 9, 0.5, 0), params_of(0.9, 10, 0)),
            "key-bits must be at least 0 and at most 9 (24, or d), got 10");
  EXPECT_EQ(message(spec, params_of(0.9, 5, 3)), "key-radius must be 0, 1 or 2, got 3");
  EXPECT_EQ(message(spec, params_of(0.9, 1, 2)), "key-radius must be at most key-bits = 1, got 2");
  EXPECT_EQ(message(pairs_spec(10, 1, 0.5, 0), params_of(0.9, 0, 2)), "key-radius must be at most key-bits = 1, got 2");
  EXPECT_EQ(message(spec, params_of(0.9, 0, 0, -1)), "draw must be at least 0, got -1");
  EXPECT_EQ(message(pairs_spec(1000, 512, 0.01, 0), params_of(0.99, 24, 0)),
            "key-bits = 24 need more than 65536 tables at this rho and recall; take fewer");
}

INSTANTIATE_TEST_SUITE_P(, LshSearch, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::inner_product
