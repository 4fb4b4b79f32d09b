#include "methods/inner_product/heavy_pairs/pair_blocks.hpp"

#include <gmock/gmock.h>

#include "comm/agree.hpp"
#include "methods/inner_product/heavy_pairs/hit_list.hpp"
#include "support/heavy_pairs_runs.hpp"
#include "support/on_ranks.hpp"

namespace breakeven::inner_product {
namespace {

using testing_support::HeavyPairsData;
using testing_support::HeavyPairsMemory;
using testing_support::OnRanks;
using testing_support::pairs_spec;

using PairBlocksTest = OnRanks;

/// Row i holds i, so that a view says which rows it shows.
HeavyPairsData numbered(Index n, Index n_b, bool self) {
  HeavyPairsSpec spec = pairs_spec(n, 130, 0.5, 0, self);
  spec.n_b = n_b;
  HeavyPairsData data(spec);
  for (Index i = 0; i < n; ++i)
    for (Index w = 0; w < 3; ++w) data.a(0, i, w) = static_cast<Word>(w == 1 ? i : 0);
  for (Index j = 0; j < n_b; ++j) data.b(0, j, 1) = static_cast<Word>(1000 + j);
  return data;
}

void expect_every_pair_once(const Communicator& comm, const HeavyPairsData& data, const std::string& partition) {
  const HeavyPairsSpec& spec = data.spec;
  const HeavyPairsMemory source(data);
  const HeavyPairsProblem<Word> problem(spec, source, Layout::contiguous(spec.n, comm.size()), comm.rank());
  PairBlocks blocks(comm, spec, partition);
  for (const int run : {1, 2}) {  // the second finds the buffers used
    Array<Index> compared(1, spec.n, spec.n_b);
    double pairs = 0;
    blocks.for_each(problem, [&](const PairBlock& block) {
      EXPECT_GT(block.a.n_rows, 0);
      EXPECT_GT(block.b.n_rows, 0);
      for (Index i = 0; i < block.a.n_rows; ++i)
        for (Index j = block.triangle ? i + 1 : 0; j < block.b.n_rows; ++j) {
          const Index row = block.first_a + i, column = block.first_b + j;
          EXPECT_EQ(block.a.row(i)[1], data.a(0, row, 1));
          EXPECT_EQ(block.b.row(j)[1], data.of("b")(0, column, 1));
          ++compared(0, spec.self ? std::min(row, column) : row, spec.self ? std::max(row, column) : column);
          ++pairs;
        }
    });
    EXPECT_EQ(pairs, PairBlocks::pairs(spec, partition, comm.size(), comm.rank()));
    comm.all_reduce(compared.span());
    for (Index i = 0; i < spec.n; ++i)
      for (Index j = 0; j < spec.n_b; ++j)
        EXPECT_EQ(compared(0, i, j), spec.self && j <= i ? 0 : 1)
            << partition << " run " << run << ": " << i << " " << j;
  }
}

// Rows: fewer than ranks, P - 1, P, P + 1, many; B of another size.
TEST_P(PairBlocksTest, CompareEveryPairOnce) {
  on_ranks([](const Communicator& comm) {
    for (const char* partition : {"grid", "ring"})
      for (const Index n : {1, 2, 6, 7, 8, 30}) {
        expect_every_pair_once(comm, numbered(n, n, false), partition);
        expect_every_pair_once(comm, numbered(n, 5, false), partition);
        expect_every_pair_once(comm, numbered(5, n, false), partition);
        expect_every_pair_once(comm, numbered(n, n, true), partition);
      }
  });
}

/// No rank compares more than its share by more than the rounding of blocks: with one set too, where half the pairs
/// are.
TEST_P(PairBlocksTest, ShareThePairsEvenly) {
  on_ranks([](const Communicator& comm) {
    const int ranks = comm.size();
    for (const bool self : {false, true}) {
      const HeavyPairsSpec spec = numbered(10080, 10080, self).spec;  // a multiple of every P here
      for (const char* partition : {"grid", "ring"}) {
        double most = 0;
        for (int rank = 0; rank < ranks; ++rank) most = std::max(most, PairBlocks::pairs(spec, partition, ranks, rank));
        // P even: the blocks half way round go to one of two ranks, half a block of 1 / P^2 of all too much
        const double spare = self && ranks % 2 == 0 ? 1.0 / ranks : 0;
        EXPECT_LE(most, (1 + spare) * 1.001 * spec.pairs() / ranks) << partition << (self ? " self" : "");
      }
    }
  });
}

TEST_P(PairBlocksTest, GridGathersTheFewestRowsThatItsRankCountAllows) {
  on_ranks([](const Communicator& comm) {
    // of 2^20 rows each and 16 bytes a row: P = 4 is 2 x 2, a prime is one row
    const HeavyPairsSpec spec = HeavyPairsProblem<Word>::normalised(pairs_spec(Index{1} << 20, 128, 0.5, 0));
    const Index all = (Index{1} << 20) * 16;
    const Index bytes = PairBlocks::bytes(spec, "grid", comm.size(), comm.rank());
    if (comm.size() == 4) {
      EXPECT_EQ(bytes, all);
    } else if (comm.size() == 7) {
      EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(all) * 8 / 7, 16);
    } else if (comm.size() == 1) {
      EXPECT_EQ(bytes, 2 * all);
    }
  });
}

using HitListTest = OnRanks;

TEST_P(HitListTest, GathersEveryHitOnceInOrder) {
  on_ranks([](const Communicator& comm) {
    HeavyPairsSpec spec = pairs_spec(100, 20, 0.5, 0);
    HitList hits(spec);
    HeavyPairsSolution solution;
    for (const int run : {1, 2}) {
      hits.clear();
      hits.add(50 - comm.rank(), 3, 4);
      hits.add(7, 7, 5);  // on every rank
      hits.add(7, 7, 5);
      hits.gather(comm, solution, 10 + comm.rank());
      EXPECT_EQ(hits.counted(), 10 * comm.size() + comm.size() * (comm.size() - 1) / 2) << run;
      EXPECT_EQ(solution.hits(), comm.size() + 1) << run;
      EXPECT_EQ(hits.gathered(), 2 * comm.size());
      EXPECT_EQ(testing_support::pairs_of(solution).front(), (std::array<Index, 3>{7, 7, 10}));
      for (Index h = 1; h < solution.hits(); ++h)
        EXPECT_EQ(testing_support::pairs_of(solution)[static_cast<std::size_t>(h)],
                  (std::array<Index, 3>{50 - comm.size() + h, 3, 12}));
    }
  });
}

/// A search that finds every pair in each of many tables is not at its end before max-hits different ones are there.
TEST_P(HitListTest, IsFullOfDifferentPairsAlone) {
  on_ranks([](const Communicator& comm) {
    HeavyPairsSpec spec = pairs_spec(100, 64, 0.5, 0);
    spec.max_hits = 10;
    HitList hits(spec);
    if (comm.rank() == 0)
      for (Index table = 0; table < 50; ++table)
        for (Index pair = 0; pair < 10; ++pair) hits.add(pair, 2 * pair, 3);
    EXPECT_FALSE(hits.full());
    HeavyPairsSolution solution;
    hits.gather(comm, solution);
    EXPECT_EQ(solution.hits(), 10);
    if (comm.rank() == 0) {
      for (Index pair = 0; pair < 50; ++pair) hits.add(pair, 99, 3);
      EXPECT_TRUE(hits.full());
    }
    EXPECT_THROW(hits.gather(comm, solution), CollectiveError);
    hits.clear();
    EXPECT_FALSE(hits.full());
  });
}

INSTANTIATE_TEST_SUITE_P(, PairBlocksTest, testing_support::contract_ranks(), testing_support::rank_count_name);
INSTANTIATE_TEST_SUITE_P(, HitListTest, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::inner_product
