#include "numerics/row_extent.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/array.hpp"
#include "base/philox.hpp"
#include "numerics/cpu.hpp"

namespace breakeven {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

class RowExtentOn : public ::testing::TestWithParam<std::string> {};

template <class T>
AlignedVector<T> normal_rows(Index n_rows, Index columns) {
  const Philox random(7, Stream{3});
  AlignedVector<T> rows(static_cast<std::size_t>(n_rows * columns));
  for (Index i = 0; i < n_rows; ++i)
    for (Index c = 0; c < columns; ++c)
      rows[static_cast<std::size_t>(i * columns + c)] = static_cast<T>(random.normal(i, c));
  return rows;
}

template <class T>
void expect_extents(Index n_rows, Index columns) {
  SCOPED_TRACE(std::to_string(n_rows) + " x " + std::to_string(columns) + ", " + std::to_string(sizeof(T)) + " bytes");
  AlignedVector<T> rows = normal_rows<T>(n_rows, columns);
  const AlignedVector<T> shift = normal_rows<T>(1, columns);
  if (n_rows > 0) rows.back() = 9, rows[rows.size() - static_cast<std::size_t>(columns)] = -9;  // the last row counts
  std::vector<double> highest(static_cast<std::size_t>(columns), -infinity), negated = highest;
  std::vector<double> expected_highest = highest, expected_negated = highest;
  double norm = -infinity, shifted_norm = -infinity;
  for (Index i = 0; i < n_rows; ++i) {
    double sum = 0, shifted_sum = 0;
    for (Index c = 0; c < columns; ++c) {
      const auto at = static_cast<std::size_t>(c);
      const T entry = rows[static_cast<std::size_t>(i * columns + c)];
      const auto x = static_cast<double>(entry), y = static_cast<double>(entry - shift[at]);
      sum += x * x, shifted_sum += y * y;
      expected_highest[at] = std::max(expected_highest[at], x);
      expected_negated[at] = std::max(expected_negated[at], -x);
    }
    norm = std::max(norm, sum), shifted_norm = std::max(shifted_norm, shifted_sum);
  }
  raise_to_columns(rows.data(), n_rows, columns, std::span(highest), std::span(negated));
  EXPECT_EQ(highest, expected_highest);
  EXPECT_EQ(negated, expected_negated);
  // Rounded up, by at most twice the roundings it makes room for.
  const double room = 1 + 2 * static_cast<double>(columns + 1) * static_cast<double>(std::numeric_limits<T>::epsilon());
  const double got = largest_squared_norm(rows.data(), n_rows, columns);
  const double got_shifted = largest_squared_norm(rows.data(), n_rows, columns, std::span<const T>(shift));
  if (n_rows == 0) {
    EXPECT_EQ(got, -infinity);
    return;
  }
  EXPECT_GE(got, norm);
  EXPECT_LE(got, norm * room);
  EXPECT_GE(got_shifted, shifted_norm);
  EXPECT_LE(got_shifted, shifted_norm * room);
}

TEST_P(RowExtentOn, EqualsThePlainLoops) {
  const SimdTargetScope scope(GetParam());
  // No row, one, either side of a tile of 64 rows, several tiles; columns: either side of the 4 x 4 transposes and of a
  // strip of 16; several rows to a vector, one, and two vectors to a row.
  for (const Index n_rows : {0, 1, 63, 64, 65, 200})
    for (const Index columns : {1, 3, 4, 8, 15, 16, 17, 32, 40}) {
      expect_extents<float>(n_rows, columns);
      expect_extents<double>(n_rows, columns);
    }
}

TEST_P(RowExtentOn, KeepsWhatIsHigherAlready) {
  const SimdTargetScope scope(GetParam());
  const AlignedVector<float> rows = normal_rows<float>(100, 2);
  std::vector<double> highest{1e9, -infinity}, negated{-infinity, 1e9};
  raise_to_columns(rows.data(), 100, 2, std::span(highest), std::span(negated));
  EXPECT_EQ(highest.front(), 1e9);
  EXPECT_EQ(negated.back(), 1e9);
}

template <class T>
void expect_low_entries() {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const AlignedVector<T> all = normal_rows<T>(1, 200);
  for (const Index n : {0, 1, 7, 16, 33, 200}) {
    SCOPED_TRACE(n);
    AlignedVector<T> x(all.begin(), all.begin() + n);
    if (n > 10) x[3] = 0, x[4] = nan;
    if (n > 20) x.back() = nan;
    double smallest = infinity;
    Index not_positive = 0;
    for (const T entry : x) {
      smallest = std::min(smallest, static_cast<double>(entry));
      if (!(entry > 0)) ++not_positive;
    }
    const LowEntries low = low_entries(x.data(), n);
    EXPECT_EQ(low.smallest, smallest);
    EXPECT_EQ(low.not_positive, not_positive);
  }
}

TEST_P(RowExtentOn, FindsTheSmallestEntryBesideNaN) {
  const SimdTargetScope scope(GetParam());
  expect_low_entries<float>();
  expect_low_entries<double>();
}

INSTANTIATE_TEST_SUITE_P(EveryTarget, RowExtentOn, ::testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

}  // namespace
}  // namespace breakeven
