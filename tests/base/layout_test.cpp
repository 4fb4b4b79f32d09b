#include "base/layout.hpp"

#include <gmock/gmock.h>

#include "base/array.hpp"

namespace breakeven {
namespace {

using testing::ElementsAre;

constexpr int rank_counts[] = {1, 2, 3, 7};
constexpr Index sizes[] = {0, 1, 6, 7, 8, 14, 15, 100};  // none, fewer than ranks, around P and 2 P, many

TEST(Layout, IsTheWorkedExampleOfTheHeader) {
  const Layout contiguous = Layout::contiguous(10, 2), zigzag = Layout::zigzag(10, 2);
  EXPECT_THAT(contiguous.ranges(0), ElementsAre(Range{0, 5}));
  EXPECT_THAT(contiguous.ranges(1), ElementsAre(Range{5, 10}));
  EXPECT_THAT(zigzag.ranges(0), ElementsAre(Range{0, 3}, Range{8, 10}));
  EXPECT_THAT(zigzag.ranges(1), ElementsAre(Range{3, 6}, Range{6, 8}));
  EXPECT_EQ(zigzag.max_rows(), 5);
}

TEST(Layout, HoldsEveryRowExactlyOnce) {
  for (const int ranks : rank_counts)
    for (const Index n : sizes)
      for (const Layout& layout : {Layout::contiguous(n, ranks), Layout::zigzag(n, ranks)}) {
        std::vector<int> holders(static_cast<std::size_t>(n), 0);
        Index most = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          Index rows = 0;
          for (const Range& range : layout.ranges(rank)) {
            rows += range.size();
            for (Index i = range.begin; i < range.end; ++i) ++holders[static_cast<std::size_t>(i)];
          }
          EXPECT_EQ(layout.rows(rank), rows);
          most = std::max(most, rows);
        }
        EXPECT_THAT(holders, testing::Each(1)) << "n=" << n << " P=" << ranks;
        EXPECT_EQ(layout.max_rows(), most);
        EXPECT_EQ(layout.ranks(), ranks);
      }
}

TEST(Layout, BalancesBlocksToOneRow) {
  for (const Index n : sizes)
    for (Index part = 0; part < 7; ++part) {
      EXPECT_GE(block(n, 7, part).size(), n / 7);
      EXPECT_LE(block(n, 7, part).size(), (n + 6) / 7);
    }
}

/// Under a causal mask row i costs i + 1: with 2 P equal chunks zigzag gives every rank the same.
TEST(Layout, ZigzagSharesTriangularWorkEqually) {
  constexpr int ranks = 4;
  constexpr Index n = 80;
  const Layout layout = Layout::zigzag(n, ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    Index work = 0;
    for (const Range& range : layout.ranges(rank))
      for (Index i = range.begin; i < range.end; ++i) work += i + 1;
    EXPECT_EQ(work, n * (n + 1) / 2 / ranks);
  }
}

TEST(Array, IsRowMajorStacked) {
  Array<int> array(2, 3, 4);
  array(1, 2, 3) = 7;
  EXPECT_EQ(array.size(), 24);
  EXPECT_EQ(array.data()[23], 7);
  EXPECT_EQ(array.slice(1), array.data() + 12);
  EXPECT_EQ(array.row(1, 2), array.data() + 20);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 64, 0u);
}

}  // namespace
}  // namespace breakeven
