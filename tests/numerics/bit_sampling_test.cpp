#include "numerics/bit_sampling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "numerics/cpu.hpp"
#include "support/sign_rows.hpp"

namespace breakeven {
namespace {

using testing_support::plant;
using testing_support::SignRows;

/// The same tests on every instruction set this processor can run, the one that counts bits included.
class BitSamplingOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, BitSamplingOn, testing::ValuesIn(bit_simd_targets()),
                         [](const auto& target) { return target.param; });

using Candidate = std::tuple<Index, BitPair>;  // table, pair

/// Places of the key bits of some tables, and of the check bits.
std::vector<Index> places(Index n_bits, Index count, std::uint32_t draw) {
  return sample_without_replacement(Philox(23, Stream{draw}), n_bits, count);
}
std::vector<std::vector<Index>> tables(Index n_bits, Index key_bits, Index count) {
  std::vector<std::vector<Index>> all;
  for (Index t = 0; t < count; ++t) all.push_back(places(n_bits, key_bits, static_cast<std::uint32_t>(t + 1)));
  return all;
}

Index differing(const SignRows& a, Index i, const SignRows& b, Index j, const std::vector<Index>& at) {
  return std::count_if(at.begin(), at.end(), [&](Index k) { return a.bit(i, k) != b.bit(j, k); });
}

struct Case {
  Index n_a, n_b, n_bits, key_bits, key_radius, check_bits, check_radius, n_tables;
};
constexpr Case cases[] = {
    {1, 1, 5, 1, 0, 5, 5, 1},           // the smallest
    {0, 9, 70, 3, 0, 64, 64, 2},        // no row of A
    {9, 0, 70, 3, 0, 64, 64, 2},        // no row of B
    {40, 37, 64, 2, 0, 64, 26, 3},      // buckets of many rows; a word
    {300, 290, 130, 4, 0, 64, 24, 20},  // more tables than are read at once, more rows than are transposed at once
    {300, 290, 130, 6, 1, 64, 27, 3},   // keys that nearly agree
    {120, 110, 256, 9, 2, 128, 54, 3},  // keys of one row or none; two check words
    {100, 130, 512, 5, 1, 192, 85, 2},  // three check words
    {60, 60, 700, 4, 0, 600, 280, 2},   // ten check words, the last in part: more halves than tables at once
    {260, 3, 40, 2, 0, 40, 17, 2},      // fewer check bits than a word
};

std::vector<Candidate> direct(const SignRows& a, const SignRows& b, bool self, const Case& c,
                              const std::vector<std::vector<Index>>& keys, const std::vector<Index>& check) {
  std::vector<Candidate> all;
  for (Index t = 0; t < c.n_tables; ++t)
    for (Index i = 0; i < a.n; ++i)
      for (Index j = self ? i + 1 : 0; j < b.n; ++j) {
        const Index distance = differing(a, i, b, j, check);
        if (distance <= c.check_radius && differing(a, i, b, j, keys[static_cast<std::size_t>(t)]) <= c.key_radius)
          all.push_back({t, {i, j, distance}});
      }
  return all;
}

std::vector<Candidate> joined(const SignRows& a, const SignRows& b, bool self, const Case& c,
                              const std::vector<std::vector<Index>>& keys, const std::vector<Index>& check) {
  BitSamplingJoin join({a.n, b.n, self, c.key_bits, c.key_radius, words_for(c.check_bits)});
  join.set_check(a.view(), b.view(), check, c.check_radius);
  std::vector<Candidate> all;
  join.join(a.view(), b.view(), keys, [&](Index table, std::span<const BitPair> pairs) {
    for (const BitPair& pair : pairs) all.emplace_back(table, pair);
    return true;
  });
  std::sort(all.begin(), all.end());
  return all;
}

TEST_P(BitSamplingOn, CandidatesAreThePairsThatMeetAndPassTheCheck) {
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.n_a << " x " << c.n_b << " rows of " << c.n_bits << " bits, keys of "
                                    << c.key_bits << " within " << c.key_radius);
    const auto keys = tables(c.n_bits, c.key_bits, c.n_tables);
    const auto check = places(c.n_bits, c.check_bits, 0);
    const SignRows a(c.n_a, c.n_bits, 0);
    SignRows b(c.n_b, c.n_bits, 1);
    if (c.n_a > 2 && c.n_b > 2) {
      plant(a, 0, b, c.n_b - 1, 0);
      plant(a, c.n_a - 1, b, 0, c.n_bits / 8);
      plant(a, 1, b, 1, c.n_bits / 4);
    }
    const std::vector<Candidate> expected = direct(a, b, false, c, keys, check);
    EXPECT_EQ(joined(a, b, false, c, keys, check), expected);
    if (c.n_b > 0) {
      EXPECT_EQ(joined(b, b, true, c, keys, check), direct(b, b, true, c, keys, check)) << "in itself";
    }
  }
}

TEST_P(BitSamplingOn, EqualRowsMeetInEveryTableOnce) {
  SignRows a(70, 100, 2);
  for (Index i = 1; i < 70; ++i) plant(a, 0, a, i, 0);
  const auto keys = tables(100, 7, 3);
  const Case c{70, 70, 100, 7, 1, 64, 0, 3};
  EXPECT_EQ(joined(a, a, true, c, keys, places(100, 64, 0)).size(), 3u * 70 * 69 / 2);
  EXPECT_EQ(joined(a, a, false, c, keys, places(100, 64, 0)).size(), 3u * 70 * 70);
}

TEST_P(BitSamplingOn, AJoinMayBeRepeatedAndEnded) {
  const SignRows a(200, 64, 3), b(200, 64, 4);
  const auto keys = tables(64, 1, 4);
  BitSamplingJoin join({200, 200, false, 1, 0, 1});
  join.set_check(a.view(), b.view(), places(64, 64, 0), 64);
  Index calls = 0, pairs = 0;
  const CandidateSink count = [&](Index, std::span<const BitPair> some) {
    ++calls;
    pairs += static_cast<Index>(some.size());
    return true;
  };
  join.join(a.view(), b.view(), keys, count);
  const Index all = pairs;
  pairs = 0;
  join.join(a.view(), b.view(), keys, count);
  EXPECT_EQ(pairs, all);
  EXPECT_GT(calls, 8) << "candidates come in batches";
  calls = 0;
  join.join(a.view(), b.view(), keys, [&](Index, std::span<const BitPair>) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
}

TEST_P(BitSamplingOn, TheKernelIsThatOfTheInstructionSet) {
  EXPECT_EQ(bit_sampling_kernel().target, GetParam());
}

}  // namespace
}  // namespace breakeven
