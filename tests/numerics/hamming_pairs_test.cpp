#include "numerics/hamming_pairs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "numerics/cpu.hpp"
#include "numerics/hamming_kernel.hpp"
#include "support/sign_rows.hpp"

namespace breakeven {
namespace {

using testing_support::bits_apart;
using testing_support::plant;
using testing_support::SignRows;

/// The same tests on every instruction set this processor can run, the one that counts bits included.
class HammingOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, HammingOn, testing::ValuesIn(bit_simd_targets()),
                         [](const auto& target) { return target.param; });

std::vector<BitPair> direct(const SignRows& a, const SignRows& b, bool triangle, std::span<const HammingStage> stages) {
  std::vector<BitPair> pairs;
  for (Index i = 0; i < a.n; ++i)
    for (Index j = triangle ? i + 1 : 0; j < b.n; ++j) {
      BitPair pair{i, j, 0};
      if (std::all_of(stages.begin(), stages.end(), [&](const HammingStage& stage) {
            pair.distance = bits_apart(a, i, b, j, std::min(a.n_bits, stage.words * 64));
            return pair.distance <= stage.radius;
          }))
        pairs.push_back(pair);
    }
  return pairs;
}

std::vector<BitPair> sorted(std::vector<BitPair> pairs) {
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

std::vector<BitPair> search(const SignRows& a, const SignRows& b, bool triangle, std::span<const HammingStage> stages) {
  HammingSearch searcher(words_for(a.n_bits));
  std::vector<BitPair> pairs;
  const PairSink sink = [&](std::span<const BitPair> batch) {
    pairs.insert(pairs.end(), batch.begin(), batch.end());
    return true;
  };
  if (triangle)
    searcher.scan_triangle(a.view(), stages, sink);
  else
    searcher.scan(a.view(), b.view(), stages, sink);
  return sorted(pairs);
}

struct Case {
  Index n_a, n_b, n_bits, radius;
};
constexpr Case cases[] = {
    {1, 1, 1, 0},             // the smallest
    {3, 7, 5, 1},             // fewer than a tile has, both ways
    {0, 5, 64, 64},           // no row of A
    {5, 0, 64, 64},           // no row of B
    {7, 200, 64, 24},         // a word; one row more than a tile of 6, part of a tile of B
    {6, 128, 128, 54},        // whole tiles of the widest
    {13, 97, 130, 55},        // two bits beyond two words
    {12, 70, 192, 83},        // the last of three words, and of bytes not yet emptied
    {9, 66, 256, 112},        // radius near the mean: many hits
    {9, 66, 300, 134},        // more than four words
    {8, 65, 512, 254},        // the largest radius of bytes, nearly all pairs
    {8, 65, 512, 255},        // one more
    {5, 40, 1024, 500},       // 16 bits
    {3, 30, 2048, 1000},      // more words than a byte of a word may count: 32
    {2, 9, 131'200, 65'534},  // the largest radius of 16 bits
    {2, 9, 131'200, 65'600},  // beyond
    {4, 33, 64, 0},           // equal rows alone
};

TEST_P(HammingOn, ASearchOfWholeRowsEqualsTheDefinition) {
  for (const auto& [n_a, n_b, n_bits, radius] : cases) {
    SCOPED_TRACE(testing::Message() << n_a << " x " << n_b << " rows of " << n_bits << " bits, radius " << radius);
    const SignRows a(n_a, n_bits, 0);
    SignRows b(n_b, n_bits, 1);
    if (n_a > 0 && n_b > 3) {  // at the threshold, one beyond, and equal
      plant(a, n_a - 1, b, n_b - 1, radius);
      plant(a, 0, b, 0, std::min(radius + 1, n_bits));
      plant(a, n_a / 2, b, 2, 0);
    }
    const HammingStage whole{words_for(n_bits), radius};
    EXPECT_EQ(search(a, b, false, {&whole, 1}), direct(a, b, false, {&whole, 1}));
  }
}

TEST_P(HammingOn, ATriangleHoldsEveryPairOnce) {
  for (const auto& [n, ignored, n_bits, radius] : {Case{1, 0, 64, 64},
                                                   {40, 0, 64, 28},
                                                   {200, 0, 128, 52},
                                                   {131, 0, 256, 112},
                                                   {70, 0, 1024, 500},
                                                   {65, 0, 130, 130}}) {
    SCOPED_TRACE(testing::Message() << n << " rows of " << n_bits << " bits, radius " << radius);
    const SignRows a(n, n_bits, 2);
    const HammingStage whole{words_for(n_bits), radius};
    EXPECT_EQ(search(a, a, true, {&whole, 1}), direct(a, a, true, {&whole, 1}));
  }
}

TEST_P(HammingOn, APairMustPassEveryStage) {
  const SignRows a(50, 512, 3);
  SignRows b(140, 512, 4);
  for (Index k = 0; k < 20; ++k) plant(a, k, b, 3 * k, 60 + k);
  const std::vector<std::vector<HammingStage>> plans = {
      {{1, 30}, {8, 240}},            // the first passes two in five
      {{1, 20}, {2, 50}, {8, 254}},   // three stages
      {{2, 50}, {3, 90}},             // ends before the row does
      {{1, 26}, {4, 80}, {8, 100}},   // planted pairs near the radius
      {{1, 10}, {8, 400}},            // sums of 16 bits; the second would let everything pass
      {{4, 254}, {8, 254}, {8, 70}},  // a stage without words of its own
  };
  for (const auto& stages : plans) {
    const std::vector<BitPair> expected = direct(a, b, false, stages);
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(search(a, b, false, stages), expected) << "first stage " << stages[0].words << ", " << stages[0].radius;
    EXPECT_EQ(search(a, a, true, stages), direct(a, a, true, stages));
  }
}

/// Kernels that sum in bytes must empty them in time wherever the differences lie: here all are in five words of
/// twenty.
TEST_P(HammingOn, DifferencesMayAllLieInAFewWords) {
  const SignRows a(40, 1280, 3);
  SignRows b(70, 1280, 4);
  for (Index j = 0; j < 40; ++j) {
    plant(a, j, b, j, 0);
    for (Index k = 0; k < 320; ++k) b.flip(j, j * 24 + k);
  }
  const HammingStage whole{20, 500};
  const std::vector<BitPair> expected = direct(a, b, false, {&whole, 1});
  EXPECT_GE(expected.size(), 40u);
  EXPECT_EQ(expected.front(), (BitPair{0, 0, 320}));
  EXPECT_EQ(search(a, b, false, {&whole, 1}), expected);
}

TEST_P(HammingOn, AnEarlyExitFindsTheSamePairs) {
  for (const Index radius : {26, 51, 77, 102, 128, 179, 256}) {
    const std::vector<HammingStage> stages = early_exit_stages(512, radius);
    const HammingStage whole{8, radius};
    const SignRows a(40, 512, 3);
    SignRows b(150, 512, 4);
    for (Index k = 0; k < 30; ++k) plant(a, k, b, 5 * k, radius + k % 3 - 1);
    EXPECT_EQ(search(a, b, false, stages), direct(a, b, false, {&whole, 1})) << "first stage " << stages[0].words;
    // Rows of one kind: no tile is left early, in the first block of B and, without the first test, in the others.
    const auto alike = [](Index n) {  // all but one or two words are zero
      SignRows rows(n, 512, 5);
      for (Index i = 0; i < n; ++i)
        for (Index w = 0; w < 8; ++w) rows.word(i, w) = i % 7 == w || i % 11 == w ? rows.word(i, w) : 0;
      return rows;
    };
    const SignRows few = alike(40), many = alike(4200);  // a block holds 4096 at most
    EXPECT_EQ(search(few, many, false, stages), search(few, many, false, {&whole, 1}));
  }
}

/// Whole tiles, so that no padding goes on: a tile goes on if any of its pairs passes the first test.
TEST_P(HammingOn, TheBitsComparedAreThoseOfTheTilesThatGoOn) {
  const std::vector<HammingStage> stages{{4, 100}, {8, 100}};
  const HammingKernel kernel = hamming_kernel(100);
  const Index rows = kernel.tile_rows, columns = kernel.tile_columns;
  const SignRows a(3 * rows, 500, 3);
  SignRows b(5 * columns, 500, 4);
  plant(a, 0, b, 0, 90);
  plant(a, 2 * rows, b, 2 * columns + 1, 90);
  std::set<std::pair<Index, Index>> beyond;
  for (const BitPair& pair : direct(a, b, false, {stages.data(), 1})) beyond.insert({pair.i / rows, pair.j / columns});
  EXPECT_GE(beyond.size(), 2u);
  EXPECT_LT(beyond.size(), 8u) << "half of all would drop the first test";
  HammingSearch search(8);
  const PairSink sink = [](std::span<const BitPair>) { return true; };
  search.scan(a.view(), b.view(), stages, sink);
  const auto going_on = static_cast<Index>(beyond.size()) * rows * columns;
  EXPECT_EQ(search.take_bits_compared(), a.n * b.n * 256 + going_on * (500 - 256));
  EXPECT_EQ(search.take_bits_compared(), 0) << "forgotten";
  const HammingStage whole{8, 100};
  search.scan(a.view(), b.view(), {&whole, 1}, sink);
  search.scan_triangle(b.view(), {&whole, 1}, sink);
  EXPECT_EQ(search.take_bits_compared(), (a.n * b.n + b.n * (b.n - 1) / 2) * 500);
}

TEST(EarlyExit, ExpectsTheRestOfATileAsOftenAsItGoesOn) {
  const HammingStage whole{8, 51};
  EXPECT_EQ(expected_bits(500, {&whole, 1}), 500);
  const std::vector<HammingStage> never{{4, 0}, {8, 0}}, always{{1, 64}, {8, 64}};
  EXPECT_NEAR(expected_bits(500, never), 256, 1e-9);
  EXPECT_NEAR(expected_bits(500, always), 500, 1e-9);
}

TEST(EarlyExit, ComesTheSoonerTheCloserAPairMustBe) {
  Index before = 0;
  for (const Index radius : {51, 154, 256, 358, 461}) {
    const std::vector<HammingStage> stages = early_exit_stages(1024, radius);
    EXPECT_GT(stages[0].words, before) << radius;
    EXPECT_EQ(stages.back().words, 16);
    EXPECT_EQ(stages.back().radius, radius);
    before = stages[0].words;
  }
  EXPECT_EQ(early_exit_stages(64, 10).size(), 1u) << "a word is compared whole";
}

TEST_P(HammingOn, BlocksOfBAreJoined) {
  // More rows of B than a packed block holds: 256 KiB are 2,048 rows of 1,024 bits, half as many where bytes hold 4.
  const SignRows a(4, 1024, 5);
  SignRows b(4500, 1024, 6);
  for (Index j : {0, 1023, 1024, 2047, 2048, 4095, 4096, 4499}) plant(a, j % 4, b, j, 100);
  const HammingStage whole{16, 100};
  const std::vector<BitPair> expected = {{0, 0, 100},    {0, 1024, 100}, {0, 2048, 100}, {0, 4096, 100},
                                         {3, 1023, 100}, {3, 2047, 100}, {3, 4095, 100}, {3, 4499, 100}};
  EXPECT_EQ(search(a, b, false, {&whole, 1}), expected);
  // The same rows against themselves: a row more than two blocks.
  const std::vector<BitPair> twins = search(b, b, true, {&whole, 1});
  EXPECT_TRUE(std::all_of(twins.begin(), twins.end(), [](const BitPair& pair) { return pair.i < pair.j; }));
  const HammingStage beyond{16, 200};  // two rows planted at the same one differ in at most 200 bits
  EXPECT_EQ(search(b, b, true, {&beyond, 1}).size(), 2 * 6u) << "four rows planted at row 0, four at row 3";
}

TEST_P(HammingOn, ASinkThatHasEnoughIsAskedNoMore) {
  const SignRows a(300, 64, 7), b(300, 64, 8);
  const HammingStage all{1, 64};
  HammingSearch searcher(1);
  Index calls = 0, pairs = 0;
  searcher.scan(a.view(), b.view(), {&all, 1}, [&](std::span<const BitPair> batch) {
    pairs += static_cast<Index>(batch.size());
    return ++calls < 3;
  });
  EXPECT_EQ(calls, 3);
  EXPECT_LT(pairs, 300 * 300);
  searcher.scan(a.view(), b.view(), {&all, 1}, [&](std::span<const BitPair> batch) {
    calls = 0;
    pairs += static_cast<Index>(batch.size());
    return true;
  });
  EXPECT_EQ(calls, 0);
}

TEST_P(HammingOn, EveryPairIsFoundWhereAllAreWithinTheRadius) {
  const SignRows a(301, 128, 9), b(299, 128, 10);
  const HammingStage all{2, 128};
  HammingSearch searcher(2);
  std::set<std::pair<Index, Index>> seen;
  searcher.scan(a.view(), b.view(), {&all, 1}, [&](std::span<const BitPair> batch) {
    for (const BitPair& pair : batch) seen.emplace(pair.i, pair.j);
    return true;
  });
  EXPECT_EQ(seen.size(), 301u * 299u);
}

TEST_P(HammingOn, KeepWithinCountsWholeRows) {
  const SignRows a(10, 300, 11);
  SignRows b(10, 300, 12);
  for (Index k = 0; k < 10; ++k) plant(a, k, b, k, 10 * k);
  std::vector<BitPair> pairs, kept;
  for (Index k = 0; k < 10; ++k) pairs.push_back({k, k, -1});
  keep_within(a.view(), b.view(), 40, pairs, kept);
  EXPECT_EQ(kept, (std::vector<BitPair>{{0, 0, 0}, {1, 1, 10}, {2, 2, 20}, {3, 3, 30}, {4, 4, 40}}));
}

TEST_P(HammingOn, TheKernelIsThatOfTheInstructionSet) {
  EXPECT_EQ(hamming_kernel(0).target, GetParam());
  EXPECT_GE(hamming_kernel(254).most_radius, 254);
  EXPECT_GE(hamming_kernel(255).most_radius, 255);
  EXPECT_GE(hamming_kernel(100'000).most_radius, 100'000);
}

}  // namespace
}  // namespace breakeven
