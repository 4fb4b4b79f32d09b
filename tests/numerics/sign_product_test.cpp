#include "numerics/sign_product.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "numerics/cpu.hpp"
#include "support/sign_rows.hpp"

namespace breakeven {
namespace {

using testing_support::bits_apart;
using testing_support::plant;
using testing_support::SignRows;

std::vector<BitPair> direct(const SignRows& a, const SignRows& b, bool triangle, Index radius) {
  std::vector<BitPair> pairs;
  for (Index i = 0; i < a.n; ++i)
    for (Index j = triangle ? i + 1 : 0; j < b.n; ++j)
      if (const Index distance = bits_apart(a, i, b, j, a.n_bits); distance <= radius)
        pairs.push_back({i, j, distance});
  return pairs;
}

/// What scan(sink) hands over, in order.
template <class Scan>
std::vector<BitPair> collected(const Scan& scan) {
  std::vector<BitPair> pairs;
  scan([&](std::span<const BitPair> batch) {
    pairs.insert(pairs.end(), batch.begin(), batch.end());
    return true;
  });
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

struct Case {
  Index n_a, n_b, n_bits, radius;
};
constexpr Case cases[] = {
    {1, 1, 1, 0},            // the smallest
    {0, 3, 70, 70},          // no row of A
    {3, 0, 70, 70},          // no row of B
    {7, 130, 64, 24},        // one row more than a tile of 6, part of a tile of B
    {13, 97, 130, 55},       // two coordinates beyond two words
    {60, 70, 300, 134},      // four beyond a quad of words
    {40, 50, 512, 512},      // all pairs
    {3, 5, 4200, 2100},      // floats in three parts; more bytes than sums of 8 bits hold
    {2, 3, 131'200, 65'600}  // more than sums of 16 bits hold
};

TEST(SignProduct, InFloatEqualsTheDefinition) {
  for (const auto& [n_a, n_b, n_bits, radius] : cases) {
    SCOPED_TRACE(testing::Message() << n_a << " x " << n_b << " rows of " << n_bits << " bits");
    const SignRows a(n_a, n_bits, 0);
    SignRows b(n_b, n_bits, 1);
    if (n_a > 0 && n_b > 0) plant(a, n_a - 1, b, 0, radius);
    SignProduct product(n_bits);
    EXPECT_EQ(collected([&](const PairSink& sink) { product.scan(a.view(), b.view(), radius, sink); }),
              direct(a, b, false, radius));
    EXPECT_EQ(collected([&](const PairSink& sink) { product.scan_triangle(b.view(), radius, sink); }),
              direct(b, b, true, radius));
  }
}

TEST(SignProduct, InFloatJoinsTilesAndStopsWhenToldTo) {
  const SignRows a(1030, 40, 2), b(2060, 40, 3);  // three tiles each way
  SignProduct product(40);
  EXPECT_EQ(collected([&](const PairSink& sink) { product.scan(a.view(), b.view(), 9, sink); }),
            direct(a, b, false, 9));
  EXPECT_EQ(collected([&](const PairSink& sink) { product.scan_triangle(b.view(), 9, sink); }), direct(b, b, true, 9));
  Index calls = 0;
  product.scan(a.view(), b.view(), 40, [&](std::span<const BitPair>) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
}

/// The same tests on every instruction set this processor can run, the one that adds four products included.
class Int8ProductOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, Int8ProductOn, testing::ValuesIn(bit_simd_targets()),
                         [](const auto& target) { return target.param; });

TEST_P(Int8ProductOn, EqualsTheDefinition) {
  for (const auto& [n_a, n_b, n_bits, radius] : cases) {
    SCOPED_TRACE(testing::Message() << n_a << " x " << n_b << " rows of " << n_bits << " bits");
    const SignRows a(n_a, n_bits, 0);
    SignRows b(n_b, n_bits, 1);
    if (n_a > 0 && n_b > 0) plant(a, n_a - 1, b, 0, radius);
    HammingSearch search(words_for(n_bits), SignArithmetic::int8);
    const HammingStage whole{words_for(n_bits), radius};
    EXPECT_EQ(collected([&](const PairSink& sink) {
                search.scan(a.view(), b.view(), {&whole, 1}, sink);
              }),
              direct(a, b, false, radius));
    EXPECT_EQ(collected([&](const PairSink& sink) {
                search.scan_triangle(b.view(), {&whole, 1}, sink);
              }),
              direct(b, b, true, radius));
  }
}

/// Sums at their ends: rows that agree in everything, and rows that agree in nothing.
TEST_P(Int8ProductOn, SumsDoNotOverflow) {
  constexpr Index n_bits = 140'000;
  SignRows ones(1, n_bits, 0), mixed(2, n_bits, 0);
  for (Index w = 0; w < words_for(n_bits); ++w) {
    ones.word(0, w) = w + 1 == words_for(n_bits) ? last_word_mask(n_bits) : ~Word{0};
    mixed.word(0, w) = ones.word(0, w);
    mixed.word(1, w) = 0;
  }
  HammingSearch search(words_for(n_bits), SignArithmetic::int8);
  const HammingStage all{words_for(n_bits), n_bits};
  EXPECT_EQ(collected([&](const PairSink& sink) {
              search.scan(ones.view(), mixed.view(), {&all, 1}, sink);
            }),
            (std::vector<BitPair>{{0, 0, 0}, {0, 1, n_bits}}));
  EXPECT_EQ(collected([&](const PairSink& sink) {
              search.scan(mixed.view(), ones.view(), {&all, 1}, sink);
            }),
            (std::vector<BitPair>{{0, 0, 0}, {1, 0, n_bits}}));
}

}  // namespace
}  // namespace breakeven
