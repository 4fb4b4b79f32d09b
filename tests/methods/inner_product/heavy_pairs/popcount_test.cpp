#include "methods/inner_product/heavy_pairs/popcount.hpp"

#include <gmock/gmock.h>

#include "support/heavy_pairs_runs.hpp"
#include "support/on_ranks.hpp"

namespace breakeven::inner_product {
namespace {

using testing_support::HeavyPairsData;
using testing_support::HeavyPairsMemory;
using testing_support::OnRanks;
using testing_support::pairs_spec;
using testing_support::search;

using PopcountSearch = OnRanks;

/// Rows of which all but a few signs are alike: no tile of pairs is left early.
HeavyPairsData alike(Index n) {
  HeavyPairsSpec spec = pairs_spec(n, 512, 0.99, 0);
  spec.max_hits = n * n;
  HeavyPairsData data = HeavyPairsData::generated(spec);
  for (Array<Word>* rows : {&data.a, &data.b})
    for (Index i = 0; i < n; ++i)
      for (Index w = 0; w < spec.words(); ++w) (*rows)(0, i, w) = 0;
  return data;
}

Index signs_compared(const Communicator& comm, const HeavyPairsData& data, bool early_exit, const char* partition) {
  PopcountParams params;
  params.early_exit = early_exit;
  params.partition = partition;
  return search<Popcount>(comm, data, params).counts.signs_compared;
}

TEST_P(PopcountSearch, CountsTheSignsThatItCompares) {
  on_ranks([](const Communicator& comm) {
    for (const char* partition : {"grid", "ring"}) {
      const HeavyPairsData uniform = HeavyPairsData::generated(pairs_spec(1500, 500, 0.9, 10));
      const auto expected = static_cast<double>(Popcount<Word>::expected(uniform.spec, {}).signs_compared);
      EXPECT_LT(expected, 0.5 * 1500 * 1500 * 500);
      // A tenth for the rows at the edges of blocks, whose tiles are not full, and for the planted pairs.
      EXPECT_NEAR(static_cast<double>(signs_compared(comm, uniform, true, partition)) / expected, 1, 0.1);
      EXPECT_EQ(signs_compared(comm, uniform, false, partition), Index{1500} * 1500 * 500) << partition;
      EXPECT_EQ(signs_compared(comm, alike(100), true, partition), Index{100} * 100 * 512) << "none is left early";
    }
  });
}

TEST_P(PopcountSearch, DeclaresAsManyOperationsAsItCounted) {
  on_ranks([](const Communicator& comm) {
    for (const bool self : {false, true}) {
      const HeavyPairsData data = HeavyPairsData::generated(pairs_spec(300, 512, 0.7, 20, self));
      const PopcountCounts counts = search<Popcount>(comm, data).counts;
      const Schedule mine = Popcount<Word>::schedule(data.spec, {}, counts, comm.size(), comm.rank());
      EXPECT_NEAR(comm.all_reduce(mine.flops()) / static_cast<double>(counts.signs_compared), 1, 1e-12) << self;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Popcount, PopcountSearch, testing::Values(1, 3, 7), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::inner_product
