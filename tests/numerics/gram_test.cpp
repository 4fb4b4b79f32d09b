#include "numerics/gram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "numerics/cpu.hpp"
#include "support/counted_allocations.hpp"

namespace breakeven {
namespace {

/// The same tests on every instruction set this processor can run.
class GramOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, GramOn, testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

template <class T>
AlignedVector<T> normal(Index rows, Index columns, std::uint32_t stream) {
  const Philox random(12, Stream{stream});
  AlignedVector<T> a(static_cast<std::size_t>(rows * columns));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      a[static_cast<std::size_t>(i * columns + j)] = static_cast<T>(random.normal(i, j));
  return a;
}

template <class T>
struct Rows {
  Index n, d, n_rhs;
  bool weighted;
  AlignedVector<T> a = normal<T>(n, d, 0), b = normal<T>(n, n_rhs, 1);
  AlignedVector<T> weights = normal<T>(weighted ? n : 0, 1, 2);  // of both signs

  T weight(Index i) const { return weighted ? weights[static_cast<std::size_t>(i)] : T(1); }
  /// Entry (i, c) of [A B].
  T at(Index i, Index c) const {
    return c < d ? a[static_cast<std::size_t>(i * d + c)] : b[static_cast<std::size_t>(i * n_rhs + c - d)];
  }
  void absorb_into(Gram<T>& gram, Index first, Index rows) const {
    gram.absorb(a.data() + first * d, n_rhs > 0 ? b.data() + first * n_rhs : nullptr, rows,
                weighted ? weights.data() + first : nullptr);
  }
};

/// State after all rows in calls of the given numbers of rows, in turn.
template <class T>
std::vector<T> state_of(const Rows<T>& rows, const std::vector<Index>& calls) {
  Gram<T> gram(rows.d, rows.n_rhs);
  gram.start();
  std::size_t call = 0;
  for (Index first = 0; first < rows.n; ++call) {
    const Index count = std::min(calls[call % calls.size()], rows.n - first);
    rows.absorb_into(gram, first, count);
    first += count;
  }
  const auto packed = gram.packed();
  return {packed.begin(), packed.end()};
}

/// Compares each entry with its sum in float64. A sum of n products errs by less than n u times the sum of their
/// magnitudes; two more roundings for weights and compensation.
template <class T>
void expect_direct(const std::vector<T>& packed, const Rows<T>& rows) {
  std::size_t at = 0;
  const auto expect_entry = [&](Index p, Index q) {
    double sum = 0, magnitude = 0;
    for (Index i = 0; i < rows.n; ++i) {
      const double term =
          static_cast<double>(rows.weight(i)) * static_cast<double>(rows.at(i, p)) * static_cast<double>(rows.at(i, q));
      sum += term;
      magnitude += std::abs(term);
    }
    const double relative = static_cast<double>(rows.n + 2) * std::numeric_limits<T>::epsilon() / 2;
    EXPECT_NEAR(packed[at++], sum, relative * magnitude) << "columns " << p << " and " << q;
  };
  for (Index p = 0; p < rows.d; ++p)
    for (Index q = p; q < rows.d; ++q) expect_entry(p, q);
  for (Index p = 0; p < rows.d; ++p)
    for (Index j = 0; j < rows.n_rhs; ++j) expect_entry(p, rows.d + j);
  for (Index j = 0; j < rows.n_rhs; ++j) expect_entry(rows.d + j, rows.d + j);
  EXPECT_EQ(at, packed.size());
}

struct Case {
  Index n, d, n_rhs;
};
constexpr Case cases[] = {
    {0, 3, 1},      // no rows
    {1, 1, 1},      // the smallest
    {5, 2, 0},      // no right side
    {600, 7, 3},    // less than a vector; more rows than a block of short ones
    {70, 8, 9},     // more right sides than a tile has rows
    {100, 17, 1},   // one column more than two lines of doubles
    {100, 24, 2},   // a triple of vectors of doubles, whole lines
    {2100, 32, 1},  // more rows than a chunk
    {130, 64, 1},   // read where they lie in float64
    {130, 65, 4},   // one column more
    {130, 128, 1},  // read where they lie in float32
    {90, 200, 2},   // packed, many tiles
};

template <class T>
void check_all_cases() {
  for (const auto& [n, d, n_rhs] : cases)
    for (const bool weighted : {false, true}) {
      SCOPED_TRACE(testing::Message() << "n " << n << " d " << d << " n_rhs " << n_rhs << " weighted " << weighted);
      const Rows<T> rows{n, d, n_rhs, weighted};
      expect_direct(state_of(rows, {std::max<Index>(n, 1)}), rows);
      expect_direct(state_of(rows, {1, 50, 0, 7, 193}), rows);
    }
}

TEST_P(GramOn, EqualsDirectSumsHoweverRowsAreSplitInFloat32) {
  check_all_cases<float>();
}
TEST_P(GramOn, EqualsDirectSumsHoweverRowsAreSplitInFloat64) {
  check_all_cases<double>();
}

/// Where they begin on a cache line they are read where they lie, otherwise packed.
TEST_P(GramOn, EqualsDirectSumsWhereverRowsBegin) {
  for (const Index d : {64, 128}) {
    const Rows<double> rows{150, d, 1, true};
    std::vector<double> shifted(rows.a.size() + 16);
    const std::vector<double> expected = state_of(rows, {150});
    for (std::size_t offset = 0; offset < 8; ++offset) {
      std::copy(rows.a.begin(), rows.a.end(), shifted.begin() + static_cast<std::ptrdiff_t>(offset));
      Gram<double> gram(d, 1);
      gram.absorb(shifted.data() + offset, rows.b.data(), 150, rows.weights.data());
      EXPECT_TRUE(std::ranges::equal(gram.packed(), expected)) << "d " << d << " offset " << offset;
    }
  }
}

/// A sum of 2^24 in float32 does not see an added 1. One comes in every 4096 rows, 100 times: with compensation the
/// error stays one unit of the sum, which is 2.
TEST_P(GramOn, KeepsSmallChunksBesideALargeSum) {
  constexpr Index stretch = 4096, stretches = 100;
  std::vector<float> a(stretch, 0.0F), b(stretch, 0.0F);
  Gram<float> gram(1, 1);
  a[0] = b[0] = 4096;
  gram.absorb(a.data(), b.data(), stretch);
  a[0] = b[0] = 1;
  for (Index s = 0; s < stretches; ++s) gram.absorb(a.data(), b.data(), stretch);
  const double expected = 0x1p24 + static_cast<double>(stretches);
  for (const float sum : gram.packed()) EXPECT_NEAR(sum, expected, 2);
}

TEST_P(GramOn, AddsToAStateThatWasReducedInPlace) {
  const Rows<double> rows{80, 9, 1, false};
  Gram<double> gram(9, 1);
  rows.absorb_into(gram, 0, 80);
  for (double& entry : gram.packed()) entry *= 2;
  rows.absorb_into(gram, 0, 80);
  const std::vector<double> once = state_of(rows, {80});
  const std::vector<double> thrice(gram.packed().begin(), gram.packed().end());
  for (std::size_t i = 0; i < once.size(); ++i)
    EXPECT_NEAR(thrice[i], 3 * once[i], 8 * std::numeric_limits<double>::epsilon() * (1 + std::abs(once[i])));
}

TEST_P(GramOn, ForgetsEverythingAtTheStart) {
  const Rows<float> rows{100, 20, 2, true};
  Gram<float> gram(20, 2);
  rows.absorb_into(gram, 0, 70);
  gram.start();
  rows.absorb_into(gram, 0, 100);
  EXPECT_TRUE(std::ranges::equal(gram.packed(), state_of(rows, {100})));
}

template <class T>
class GramMemory : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(GramMemory, Types);

TYPED_TEST(GramMemory, IsWhatBytesSays) {
  for (const Index d : {1, 8, 65, 784})  // padded, whole, one column too many, long rows
    for (const Index n_rhs : {0, 1, 10}) {
      const std::size_t before = allocated_array_bytes();
      const Gram<TypeParam> gram(d, n_rhs);
      EXPECT_EQ(allocated_array_bytes() - before, static_cast<std::size_t>(Gram<TypeParam>::bytes(d, n_rhs)));
    }
}

TYPED_TEST(GramMemory, IsNotAllocatedAfterConstruction) {
  const Rows<TypeParam> rows{3000, 30, 2, true};
  Gram<TypeParam> gram(30, 2);
  const std::size_t before = allocations();
  gram.start();
  rows.absorb_into(gram, 0, 3000);
  gram.packed();
  EXPECT_EQ(allocations(), before);
  EXPECT_GT(before, 0U);
}

}  // namespace
}  // namespace breakeven
