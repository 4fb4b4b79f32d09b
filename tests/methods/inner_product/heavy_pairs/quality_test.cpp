#include <gmock/gmock.h>

#include "comm/agree.hpp"
#include "support/heavy_pairs_runs.hpp"
#include "support/on_ranks.hpp"

// The oracle against the definition, and what it makes of answers that are wrong in one way each.
namespace breakeven {
namespace {

using testing_support::by_definition;
using testing_support::HeavyPairsData;
using testing_support::HeavyPairsMemory;
using testing_support::OnRanks;
using testing_support::PairList;
using testing_support::pairs_spec;
using testing_support::quality_of;

using Problem = inner_product::HeavyPairsProblem<Word>;
using HeavyPairsOracle = OnRanks;

TEST_P(HeavyPairsOracle, FindsWhatTheDefinitionFinds) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true})
      for (const Index n : {1, 6, 7, 8, 90})
        for (const Index d : {10, 64, 150}) {
          const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(n, d, 0.3, n / 4, self));
          const auto reference = Problem::reference(comm, data.spec, HeavyPairsMemory(data), 1);
          const PairList expected = by_definition(data);
          EXPECT_EQ(reference.pairs.rows(), static_cast<Index>(expected.size())) << n << " " << d;
          EXPECT_EQ(reference.rows_checked, n);
          for (Index k = 0; k < std::min(reference.pairs.rows(), static_cast<Index>(expected.size())); ++k) {
            EXPECT_EQ(reference.pairs(0, k, 0), expected[static_cast<std::size_t>(k)][0]);
            EXPECT_EQ(reference.pairs(0, k, 1), expected[static_cast<std::size_t>(k)][1]);
          }
          // Distinct rows: every planted pair is heavy, all others are background.
          EXPECT_EQ(reference.background_hits, static_cast<Index>(expected.size()) - n / 4);
        }
  });
}

TEST_P(HeavyPairsOracle, CallsTheRightAnswerPerfect) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true}) {
      const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(90, 100, 0.3, 10, self));
      const auto quality = quality_of(comm, data, by_definition(data));
      EXPECT_EQ(quality.error, 0);
      EXPECT_EQ(quality.recall_reached, 1);
      EXPECT_EQ(quality.precision, 1);
      EXPECT_EQ(quality.missed, 0);
      EXPECT_EQ(Problem::disproof(quality), "");
    }
  });
}

TEST_P(HeavyPairsOracle, CountsWhatIsMissed) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(90, 100, 0.3, 10));
    const PairList all = by_definition(data);
    for (std::size_t left_out = 0; left_out < all.size(); left_out += 3) {
      PairList answer = all;
      answer.erase(answer.begin() + static_cast<std::ptrdiff_t>(left_out));
      const auto quality = quality_of(comm, data, answer);
      EXPECT_EQ(quality.missed, 1);
      EXPECT_DOUBLE_EQ(quality.error, 1 / static_cast<double>(all.size()));
      EXPECT_EQ(quality.precision, 1) << "what is there is right";
    }
    EXPECT_EQ(quality_of(comm, data, {}).error, 1);
    EXPECT_EQ(quality_of(comm, data, {}).precision, 1);
  });
}

TEST_P(HeavyPairsOracle, DisprovesWhatIsNoHeavyPairOrNotInItsPlace) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true}) {
      const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(90, 100, 0.4, 10, self));
      const PairList all = by_definition(data);
      const auto expect_disproved = [&](const PairList& answer, Index wrong, const char* what) {
        const auto quality = quality_of(comm, data, answer);
        const auto hits = static_cast<double>(answer.size());
        EXPECT_DOUBLE_EQ(quality.precision, (hits - static_cast<double>(wrong)) / hits) << what;
        EXPECT_THAT(Problem::disproof(quality), testing::StartsWith("precision is 0.")) << what;
      };
      PairList answer = all;
      answer[4][2] += 2;
      expect_disproved(answer, 1, "a wrong inner product");
      answer = all;
      answer.insert(answer.begin() + 3, answer[2]);
      expect_disproved(answer, 1, "a pair twice");
      answer = all;
      std::swap(answer[2], answer[3]);
      expect_disproved(answer, 1, "two pairs out of order");
      answer = all;
      answer.push_back({90, 91, 50});
      expect_disproved(answer, 1, "rows that are not there");
      answer = all;
      Index light = 1;  // the first row of B whose pair with row 0 is not heavy
      while (testing_support::inner_product_of(data, 0, light) >= 40) ++light;
      answer.push_back({0, light, testing_support::inner_product_of(data, 0, light)});
      std::sort(answer.begin(), answer.end());
      expect_disproved(answer, 1, "a pair that is not heavy");
    }
  });
}

TEST_P(HeavyPairsOracle, DisprovesAnswersThatDifferFromRankToRank) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(40, 100, 0.5, 10));
    PairList answer = by_definition(data);
    if (comm.rank() == comm.size() - 1) answer.pop_back();
    const auto quality = quality_of(comm, data, answer);
    EXPECT_EQ(quality.precision, comm.size() == 1 ? 1 : 0);
    EXPECT_EQ(quality.missed, 1) << "of the rank that found least";
  });
}

/// With one set a pair is (i, j), i < j: its mirror image is another pair and no answer.
TEST_P(HeavyPairsOracle, OneSetHasItsPairsOnce) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(40, 200, 0.5, 10, true));
    PairList mirrored = by_definition(data);
    for (auto& pair : mirrored) std::swap(pair[0], pair[1]);
    std::sort(mirrored.begin(), mirrored.end());
    const auto quality = quality_of(comm, data, mirrored);
    EXPECT_EQ(quality.precision, 0);
    EXPECT_EQ(quality.error, 1);
  });
}

/// Above 4096 rows a part is checked, and every planted pair.
TEST_P(HeavyPairsOracle, ChecksAPartOfManyRowsAndEveryPlantedPair) {
  on_ranks([](const Communicator& comm) {
    const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(4100, 64, 0.9, 40));
    const auto reference = Problem::reference(comm, data.spec, HeavyPairsMemory(data), 1);
    EXPECT_EQ(reference.rows_checked, 1024);
    EXPECT_EQ(reference.pairs.rows(), 40);
    EXPECT_EQ(quality_of(comm, data, {}).missed, 40);
  });
}

TEST_P(HeavyPairsOracle, HasNothingToCompareWithAboveMaxHits) {
  on_ranks([](const Communicator& comm) {
    inner_product::HeavyPairsSpec spec = pairs_spec(90, 20, 0.01, 10);
    spec.max_hits = 100;
    const HeavyPairsData data = HeavyPairsData::generated(spec);
    std::string message;
    try {
      quality_of(comm, data, {});
    } catch (const CollectiveError& error) {
      message = error.what();
    }
    EXPECT_EQ(message, "more than max-hits = 100 pairs are heavy: there is nothing to compare with");
  });
}

TEST_P(HeavyPairsOracle, WarnsOfAThresholdThatTheBackgroundReaches) {
  on_ranks([](const Communicator& comm) {
    const auto warnings = [&](double rho, Index d) {
      const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(100, d, rho, 5));
      return Problem::warnings(data.spec, Problem::reference(comm, data.spec, HeavyPairsMemory(data), 1));
    };
    EXPECT_TRUE(warnings(0.9, 512).empty());
    EXPECT_THAT(warnings(0.3, 512), testing::ElementsAre(testing::HasSubstr("background pairs may exceed")));
    EXPECT_THAT(warnings(0.2, 100),
                testing::ElementsAre(testing::_, testing::ContainsRegex("^[0-9]+ background pairs exceed the threshold "
                                                                        "in 100 checked rows, 284 expected$")));
  });
}

/// Pairs of independent uniform rows are independent of each other, two by two: five standard deviations.
TEST_P(HeavyPairsOracle, FindsAsManyBackgroundPairsAsChanceMakes) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true}) {
      const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(700, 64, 0.3, 0, self));
      const auto reference = Problem::reference(comm, data.spec, HeavyPairsMemory(data), 1);
      const double expected = data.spec.heavy_by_chance();
      EXPECT_GT(expected, 1000);
      EXPECT_NEAR(static_cast<double>(reference.background_hits), expected, 5 * std::sqrt(expected));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(, HeavyPairsOracle, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
