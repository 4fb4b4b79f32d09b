#include "numerics/sketch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "numerics/cpu.hpp"

namespace breakeven {
namespace {

template <class T>
using Matrix = std::vector<T>;

/// Integers in [-8, 8]: their sums with factors that are powers of two are exact, whatever the order.
template <class T>
Matrix<T> integers(Index rows, Index columns) {
  const Philox random(5, Stream{1});
  Matrix<T> x(static_cast<std::size_t>(rows * columns));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) x[i * columns + j] = static_cast<T>(random.below(17, i, j) - 8);
  return x;
}

template <class T>
Matrix<T> uniform(Index rows, Index columns) {
  const Philox random(5, Stream{2});
  Matrix<T> x(static_cast<std::size_t>(rows * columns));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) x[i * columns + j] = static_cast<T>(2 * random.uniform(i, j) - 1);
  return x;
}

/// before + S A by entry(), and the sum of magnitudes.
struct Direct {
  std::vector<double> value, magnitude;

  template <class T>
  Direct(const Sketch& sketch, const Matrix<T>& a, Index columns, Index first_global, double before)
      : value(static_cast<std::size_t>(sketch.rows * columns), before), magnitude(value.size(), std::abs(before)) {
    const Index n_rows = static_cast<Index>(a.size()) / columns;
    for (Index j = 0; j < n_rows; ++j)
      for (Index i = 0; i < sketch.rows; ++i) {
        const double s = sketch.entry(i, first_global + j);
        if (s == 0) continue;
        for (Index c = 0; c < columns; ++c) {
          value[i * columns + c] += s * static_cast<double>(a[j * columns + c]);
          magnitude[i * columns + c] += std::abs(s * static_cast<double>(a[j * columns + c]));
        }
      }
  }
};

/// The same tests on every instruction set this processor can run.
class SketchOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, SketchOn, testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

constexpr Index widths[] = {
    1,  2,   3,   7,        // shorter than every vector but the baseline's of doubles
    8,  15,  16,  17,  31,  // around one or two vectors
    64, 127, 129, 200,      // whole panels, panels with every rest, several
};
constexpr Index far = (Index{1} << 35) + 3;  // beyond 32 bits, and in the middle of a counter

template <class T>
void check_exact(const Sketch& sketch) {
  constexpr Index n_rows = 300;  // more than are placed at once
  for (const Index columns : widths)
    for (const Index first : {Index{0}, Index{5}, far}) {
      SCOPED_TRACE(testing::Message() << "columns " << columns << " first " << first << " nonzeros "
                                      << sketch.per_column());
      const Matrix<T> a = integers<T>(n_rows, columns);
      Matrix<T> out(static_cast<std::size_t>(sketch.rows * columns), T(2));
      sketch.add(a.data(), n_rows, columns, first, out.data());
      const Direct direct(sketch, a, columns, first, 2);
      EXPECT_EQ(out, Matrix<T>(direct.value.begin(), direct.value.end()));
    }
}

template <class T>
void check_all_exact() {
  check_exact<T>({.kind = SketchKind::count, .rows = 37, .draw = 3});
  check_exact<T>({.kind = SketchKind::osnap, .rows = 52, .nonzeros = 4, .draw = (std::uint64_t{7} << 33) + 1});
  check_exact<T>({.kind = SketchKind::osnap, .rows = 48, .nonzeros = 16, .draw = 4});  // blocks of 3 rows
}

TEST_P(SketchOn, IsExactlyTheProductOnIntegersInFloat32) {
  check_all_exact<float>();
}
TEST_P(SketchOn, IsExactlyTheProductOnIntegersInFloat64) {
  check_all_exact<double>();
}

/// A sum of n_rows + 1 terms, each a rounded product with a rounded entry.
template <class T>
void check_rounded(const Sketch& sketch, Index n_rows, Index columns, Index first) {
  SCOPED_TRACE(testing::Message() << "nonzeros " << sketch.per_column() << " columns " << columns);
  const Matrix<T> a = uniform<T>(n_rows, columns);
  Matrix<T> out(static_cast<std::size_t>(sketch.rows * columns), T(0.5));
  sketch.add(a.data(), n_rows, columns, first, out.data());
  const Direct direct(sketch, a, columns, first, 0.5);
  const double units = static_cast<double>(n_rows + 3) * std::numeric_limits<T>::epsilon();
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], direct.value[i], units * direct.magnitude[i]);
}

template <class T>
void check_all_rounded() {
  check_rounded<T>({.kind = SketchKind::osnap, .rows = 56, .nonzeros = 8, .draw = 2}, 257, 67, far);
  check_rounded<T>({.kind = SketchKind::osnap, .rows = 55, .nonzeros = 5, .draw = 2}, 130, 9, 1);
  check_rounded<T>({.kind = SketchKind::osnap, .rows = 600, .nonzeros = 300, .draw = 2}, 7, 9, 2);  // > words at once
  check_rounded<T>({.kind = SketchKind::gaussian, .rows = 19, .draw = 2}, 130, 9, far);  // several blocks of columns
}

TEST_P(SketchOn, IsTheProductWithinRoundingInFloat32) {
  check_all_rounded<float>();
}
TEST_P(SketchOn, IsTheProductWithinRoundingInFloat64) {
  check_all_rounded<double>();
}

TEST_P(SketchOn, OfAllRowsIsTheSumOfTheSketchesOfBlocks) {
  constexpr Index n_rows = 700, columns = 13;
  const Matrix<double> a = integers<double>(n_rows, columns);
  for (const Index nonzeros : {1, 4, 16}) {
    const Sketch sketch{.kind = SketchKind::osnap, .rows = 48, .nonzeros = nonzeros, .draw = 9};
    Matrix<double> whole(static_cast<std::size_t>(sketch.rows * columns)), parts = whole;
    sketch.add(a.data(), n_rows, columns, far, whole.data());
    Index begin = 0;
    for (const Index rows : {1, 2, 0, 5, 63, 64, 257, 308}) {
      sketch.add(a.data() + begin * columns, rows, columns, far + begin, parts.data());
      begin += rows;
    }
    ASSERT_EQ(begin, n_rows);
    EXPECT_EQ(parts, whole);
  }
}

TEST(Sketch, CountIsOsnapWithOneNonzero) {
  const Sketch count{.kind = SketchKind::count, .rows = 10, .nonzeros = 5, .draw = 3};
  const Sketch osnap{.kind = SketchKind::osnap, .rows = 10, .nonzeros = 1, .draw = 3};
  for (Index j = 0; j < 50; ++j)
    for (Index i = 0; i < 10; ++i) EXPECT_EQ(count.entry(i, j), osnap.entry(i, j));
}

TEST(Sketch, HasOneNonzeroInEachBlockOfAColumnAndColumnsOfLengthOne) {
  for (const Index nonzeros : {1, 3, 8}) {
    const Sketch sketch{.kind = SketchKind::osnap, .rows = 7 * nonzeros, .nonzeros = nonzeros, .draw = 1};
    for (Index j = far; j < far + 500; ++j) {
      double squares = 0;
      for (Index block = 0; block < nonzeros; ++block) {
        Index found = 0;
        for (Index i = 7 * block; i < 7 * (block + 1); ++i) {
          const double entry = sketch.entry(i, j);
          if (entry == 0) continue;
          EXPECT_EQ(std::abs(entry), 1 / std::sqrt(static_cast<double>(nonzeros)));
          ++found;
          squares += entry * entry;
        }
        EXPECT_EQ(found, 1) << "block " << block << " column " << j;
      }
      EXPECT_NEAR(squares, 1, static_cast<double>(nonzeros) * std::numeric_limits<double>::epsilon());
    }
  }
}

/// Rows and signs of the nonzeros of many columns: for each row how often, and the sum of signs; sums of products of
/// the signs of neighbours, in one column and from column to column.
TEST(Sketch, PlacesAndSignsAreUniformAndIndependent) {
  constexpr Index n = 20000, height = 13, nonzeros = 3;
  const Sketch sketch{.kind = SketchKind::osnap, .rows = height * nonzeros, .nonzeros = nonzeros, .draw = 6};
  std::vector<double> hits(height * nonzeros), signs(height * nonzeros);
  std::vector<double> previous(nonzeros);
  double in_column = 0, between_columns = 0, same_row = 0;
  std::vector<Index> previous_row(nonzeros, -1);
  for (Index j = 0; j < n; ++j) {
    std::vector<double> sign(nonzeros);
    for (Index i = 0; i < sketch.rows; ++i) {
      const double entry = sketch.entry(i, j);
      if (entry == 0) continue;
      const Index k = i / height;
      sign[k] = entry > 0 ? 1 : -1;
      ++hits[i];
      signs[i] += sign[k];
      if (previous_row[k] == i) ++same_row;
      previous_row[k] = i;
    }
    for (Index k = 0; k < nonzeros; ++k) {
      in_column += sign[k] * sign[(k + 1) % nonzeros];
      between_columns += sign[k] * previous[k];
    }
    previous = sign;
  }
  const double p = 1.0 / height, deviation = std::sqrt(n * p * (1 - p));  // of a binomial count
  for (const double count : hits) EXPECT_NEAR(count, n * p, 5 * deviation);
  for (const double sum : signs) EXPECT_NEAR(sum, 0, 5 * std::sqrt(n * p));
  EXPECT_NEAR(in_column, 0, 5 * std::sqrt(n * nonzeros));
  EXPECT_NEAR(between_columns, 0, 5 * std::sqrt(n * nonzeros));
  EXPECT_NEAR(same_row, (n - 1) * nonzeros * p, 5 * std::sqrt(n * nonzeros * p * (1 - p)));
}

/// |S x|^2 has mean |x|^2 and, for one entry a column, variance 2 (|x|^4 - sum x_j^4) / rows below 2 |x|^4 / rows;
/// OSNAP and the Gaussian have no more.
TEST(Sketch, PreservesLengthsOnAverage) {
  constexpr Index n = 100, rows = 24, draws = 400;
  const Matrix<double> x = uniform<double>(n, 1);
  double length = 0;
  for (const double entry : x) length += entry * entry;
  for (const SketchKind kind : {SketchKind::count, SketchKind::osnap, SketchKind::gaussian}) {
    double mean = 0;
    for (Index draw = 0; draw < draws; ++draw) {
      const Sketch sketch{.kind = kind, .rows = rows, .nonzeros = 4, .draw = static_cast<std::uint64_t>(draw)};
      Matrix<double> sketched(rows);
      sketch.add(x.data(), n, 1, 0, sketched.data());
      for (const double entry : sketched) mean += entry * entry / draws;
    }
    EXPECT_NEAR(mean, length, 5 * length * std::sqrt(2.0 / (rows * draws)));
  }
}

TEST(Sketch, GaussianHasTheMomentsOfItsLaw) {
  constexpr Index n = 2000, rows = 20;
  const Sketch sketch{.kind = SketchKind::gaussian, .rows = rows, .draw = 8};
  double first = 0, second = 0, fourth = 0;
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < rows; ++i) {
      const double z = sketch.entry(i, j) * std::sqrt(static_cast<double>(rows));
      first += z;
      second += z * z;
      fourth += z * z * z * z;
    }
  constexpr double count = n * rows;  // variances of z, z^2, z^4: 1, 2, 96
  EXPECT_NEAR(first / count, 0, 5 * std::sqrt(1 / count));
  EXPECT_NEAR(second / count, 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourth / count, 3, 5 * std::sqrt(96 / count));
}

TEST(Sketch, CountsFlopsOfItsNonzeros) {
  EXPECT_EQ((Sketch{.kind = SketchKind::count, .rows = 40}.flops(10, 3)), 60);
  EXPECT_EQ((Sketch{.kind = SketchKind::osnap, .rows = 40, .nonzeros = 8}.flops(10, 3)), 480);
  EXPECT_EQ((Sketch{.kind = SketchKind::gaussian, .rows = 40}.flops(10, 3)), 2400);
}

}  // namespace
}  // namespace breakeven
