#include "numerics/row_matrix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/philox.hpp"

namespace breakeven {
namespace {

/// A matrix with a third of its entries zero, given densely.
template <class T>
std::vector<T> entries(Index rows, Index columns, Index which) {
  const Philox random(which == 0 ? 11 : 12, Stream{901});
  std::vector<T> all(static_cast<std::size_t>(rows * columns));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      all[static_cast<std::size_t>(i * columns + j)] =
          random.uniform(i, columns + j) < 1.0 / 3 ? T(0) : static_cast<T>(random.normal(i, j));
  return all;
}

template <class T>
class RowMatrixOf : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(RowMatrixOf, Scalars);

// Rows: none, one, more than a block of sums, not a multiple of it.
constexpr Index row_counts[] = {0, 1, 9, 2500};

TYPED_TEST(RowMatrixOf, EveryOperationEqualsTheDefinitionDenseAndSparse) {
  using T = TypeParam;
  constexpr Index d = 5, m = 3;
  for (const Index n : row_counts) {
    const std::vector<T> a = entries<T>(n, d, 0), b = entries<T>(n, m, 1);
    std::vector<T> v(d), y(static_cast<std::size_t>(n)), weights(static_cast<std::size_t>(n));
    for (std::size_t k = 0; k < v.size(); ++k) v[k] = static_cast<T>(k) - 2;
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] = static_cast<T>(std::sin(double(i))), weights[i] = static_cast<T>(std::cos(3 * double(i)));
    std::vector<double> product(y.size(), 0), transposed(d, 0), weighted(d, 0), gram(d * (d + 1) / 2, 0),
        cross(d * m, 0);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const T* row = a.data() + i * d;
      for (std::size_t k = 0; k < d; ++k) product[i] += double(row[k]) * double(v[k]);
      std::size_t at = 0;
      for (std::size_t k = 0; k < d; ++k) {
        transposed[k] += double(row[k]) * double(y[i]);
        weighted[k] += double(row[k]) * double(weights[i]) * product[i];
        for (std::size_t l = k; l < d; ++l) gram[at++] += double(weights[i]) * double(row[k]) * double(row[l]);
        for (std::size_t l = 0; l < m; ++l)
          cross[k * m + l] += double(weights[i]) * double(row[k]) * double(b[i * m + l]);
      }
    }
    // Each sum has n terms of order 1, some of them larger: their roundings add up like a random walk.
    const double tolerance = 40 * std::sqrt(double(n) + 1) * double(std::numeric_limits<T>::epsilon());
    for (const bool a_sparse : {false, true})
      for (const bool b_sparse : {false, true}) {
        RowMatrix<T> left(d, a_sparse), right(m, b_sparse);
        const std::size_t first = static_cast<std::size_t>(n / 3) * d;
        left.append(std::span(a).first(first));
        left.append(std::span(a).subspan(first));
        right.append(b);
        ASSERT_EQ(left.rows(), n);
        std::vector<T> got(y.size());
        left.multiply(v.data(), got.data());
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(double(got[i]), product[i], tolerance);
        const auto expect_near = [&](const std::vector<double>& sums, const std::vector<double>& exact) {
          // They were 1 before: results are added.
          for (std::size_t k = 0; k < sums.size(); ++k) EXPECT_NEAR(sums[k], 1 + exact[k], tolerance);
        };
        std::vector<double> sums(d, 1);
        left.add_transposed(y.data(), sums.data());
        expect_near(sums, transposed);
        sums.assign(d, 1);
        left.add_weighted_product(weights.data(), v.data(), sums.data());
        expect_near(sums, weighted);
        Gram<T> work(d, 0);
        sums.assign(gram.size(), 1);
        left.add_gram(weights.data(), work, sums.data());
        expect_near(sums, gram);
        sums.assign(cross.size(), 1);
        left.add_cross(weights.data(), right, sums.data());
        expect_near(sums, cross);
        std::vector<T> copy(a.size());
        left.copy_rows({0, n}, copy.data());
        EXPECT_EQ(copy, a);
      }
  }
}

TEST(RowMatrix, KeepsNaNInSparseRowsAndDropsZeros) {
  RowMatrix<double> matrix(3, true);
  matrix.append(std::vector<double>{0, 2, 0, NAN, 0, 0});
  EXPECT_EQ(matrix.entries(), 2);
  EXPECT_EQ(matrix.entries_of(1), (Range{1, 2}));
  EXPECT_EQ(matrix.column_of(1), 0);
  EXPECT_TRUE(std::isnan(matrix.values()[1]));
}

}  // namespace
}  // namespace breakeven
