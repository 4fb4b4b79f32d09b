#include "numerics/row_passes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

template <class T>
constexpr double eps = std::numeric_limits<T>::epsilon();

/// Uniform on [-1, 1].
template <class T>
Matrix<T> uniform(Index rows, Index columns, std::uint32_t stream) {
  const Philox random(11, Stream{stream});
  Matrix<T> x(static_cast<std::size_t>(rows * columns));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) x[i * columns + j] = static_cast<T>(2 * random.uniform(i, j) - 1);
  return x;
}

/// A number and what it may be off by.
struct Bounded {
  long double value = 0;
  long double error = 0;
};

/// <row i of A, column j of X>: d products and sums err by at most d + 1 units of the sum of their magnitudes.
template <class T>
Bounded product(const Matrix<T>& a, Index d, Index i, const Matrix<T>& x, Index columns, Index j) {
  long double value = 0, magnitude = 0;
  for (Index p = 0; p < d; ++p) {
    const long double term = static_cast<long double>(a[i * d + p]) * static_cast<long double>(x[p * columns + j]);
    value += term;
    magnitude += std::abs(term);
  }
  return {value, static_cast<long double>(d + 1) * eps<T> * magnitude};
}

/// Entry p of A'y added to `before`: the errors of y, and of a sum of at most 512 terms in T, of sums in float64 that
/// are far more exact, and of the last addition.
template <class T>
Bounded gradient_entry(const Matrix<T>& a, Index d, Index p, const std::vector<Bounded>& y, long double before) {
  long double value = before, magnitude = 0, inherited = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const long double entry = a[i * static_cast<std::size_t>(d) + static_cast<std::size_t>(p)];
    value += entry * y[i].value;
    magnitude += std::abs(entry * y[i].value);
    inherited += std::abs(entry) * y[i].error;
  }
  const auto terms = static_cast<long double>(std::min<std::size_t>(y.size(), 512) + 4);
  return {value, 1.01L * inherited + terms * eps<T> * (magnitude + inherited + std::abs(before))};
}

Bounded sum_of_squares(const std::vector<Bounded>& y, long double before) {
  Bounded sum{before, 0};
  for (const auto& [value, error] : y) {
    sum.value += value * value;
    sum.error += (2 * std::abs(value) + error) * error;
  }
  sum.error += static_cast<long double>(y.size() + 2) * eps<double> * sum.value;
  return sum;
}

void expect_within(double value, const Bounded& expected) {
  EXPECT_NEAR(value, static_cast<double>(expected.value), static_cast<double>(expected.error));
}

constexpr Index widths[] = {
    1,   2,  3,           // shorter than every vector but the baseline's of doubles
    4,   7,  8,  15, 16,  // around the lanes of the wider ones
    17,  33, 64, 65,      // whole vectors and a rest of one
    100,
};
constexpr Index heights[] = {
    0,   1, 3, 4, 7, 8, 9,  // less than, equal to and more than the rows that are handled at once
    600,                    // more than one chunk, and rests at both ends
};

/// The same tests on every instruction set this processor can run.
class RowPassesOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, RowPassesOn, testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

template <class T>
void check_residual(Index rows, Index d, Index n_rhs) {
  SCOPED_TRACE(testing::Message() << "rows " << rows << " d " << d << " n_rhs " << n_rhs);
  const Matrix<T> a = uniform<T>(rows, d, 0), b = uniform<T>(rows, n_rhs, 1), x = uniform<T>(d, n_rhs, 2);
  const Matrix<T> before = uniform<T>(d, n_rhs, 3);
  Matrix<T> gradient = before, residual(b.size());
  std::vector<double> squares(static_cast<std::size_t>(n_rhs), 3.0);
  residual_pass(a.data(), rows, d, b.data(), n_rhs, x.data(), gradient.data(), squares.data(), residual.data());
  for (Index j = 0; j < n_rhs; ++j) {
    std::vector<Bounded> r;
    for (Index i = 0; i < rows; ++i) {
      const Bounded ax = product(a, d, i, x, n_rhs, j);
      const long double right = b[i * n_rhs + j];
      r.push_back({right - ax.value, ax.error + eps<T> * (std::abs(right - ax.value) + ax.error)});
      expect_within(residual[i * n_rhs + j], r.back());
    }
    expect_within(squares[j], sum_of_squares(r, 3));
    for (Index p = 0; p < d; ++p)
      expect_within(gradient[p * n_rhs + j], gradient_entry(a, d, p, r, before[p * n_rhs + j]));
  }
  Matrix<T> again = before;
  std::vector<double> squares_again(static_cast<std::size_t>(n_rhs), 3.0);
  residual_pass(a.data(), rows, d, b.data(), n_rhs, x.data(), again.data(), squares_again.data());
  EXPECT_EQ(again, gradient);
  EXPECT_EQ(squares_again, squares);
}

template <class T>
void check_residuals() {
  for (const Index d : widths)
    for (const Index rows : heights)
      for (const Index n_rhs : {1, 2, 3, 4, 5, 10}) check_residual<T>(rows, d, n_rhs);
  check_residual<T>(37, 1500, 5);  // rows so long that a block holds the least number of them
}

TEST_P(RowPassesOn, ResidualPassEqualsItsDefinitionInFloat32) {
  check_residuals<float>();
}
TEST_P(RowPassesOn, ResidualPassEqualsItsDefinitionInFloat64) {
  check_residuals<double>();
}

template <class T>
void check_bidiagonal(Index rows, Index d) {
  SCOPED_TRACE(testing::Message() << "rows " << rows << " d " << d);
  const Matrix<T> a = uniform<T>(rows, d, 0), u = uniform<T>(rows, 1, 1), v = uniform<T>(d, 1, 2);
  const Matrix<T> before = uniform<T>(d, 1, 3);
  const T alpha = T(-0.75), beta = T(1.5);
  Matrix<T> next = u, gradient = before;
  const double squares = bidiagonal_pass(a.data(), rows, d, alpha, next.data(), beta, v.data(), gradient.data());
  std::vector<Bounded> y;
  for (Index i = 0; i < rows; ++i) {
    const Bounded av = product(a, d, i, v, 1, 0);
    const long double scaled = alpha * static_cast<long double>(u[i]), added = beta * av.value;
    y.push_back(
        {scaled + added, std::abs(beta) * av.error + 2 * eps<T> * (std::abs(scaled) + std::abs(added) + av.error)});
    expect_within(next[i], y.back());
  }
  expect_within(squares, sum_of_squares(y, 0));
  for (Index p = 0; p < d; ++p) expect_within(gradient[p], gradient_entry(a, d, p, y, before[p]));
}

template <class T>
void check_weighted(Index rows, Index d) {
  SCOPED_TRACE(testing::Message() << "rows " << rows << " d " << d);
  const Matrix<T> a = uniform<T>(rows, d, 0), weights = uniform<T>(rows, 1, 1), v = uniform<T>(d, 1, 2);
  const Matrix<T> before = uniform<T>(d, 1, 3);
  Matrix<T> gradient = before;
  weighted_pass(a.data(), rows, d, weights.data(), v.data(), gradient.data());
  std::vector<Bounded> y;
  for (Index i = 0; i < rows; ++i) {
    const Bounded av = product(a, d, i, v, 1, 0);
    const long double weight = weights[i];
    y.push_back({weight * av.value, std::abs(weight) * (av.error + eps<T> * (std::abs(av.value) + av.error))});
  }
  for (Index p = 0; p < d; ++p) expect_within(gradient[p], gradient_entry(a, d, p, y, before[p]));
}

template <class T>
void check_norms(Index rows, Index d, Index columns) {
  SCOPED_TRACE(testing::Message() << "rows " << rows << " d " << d << " columns " << columns);
  const Matrix<T> a = uniform<T>(rows, d, 0), x = uniform<T>(d, columns, 1);
  Matrix<T> norms(static_cast<std::size_t>(rows), T(-7));
  squared_row_norms(a.data(), rows, d, x.data(), columns, norms.data());
  for (Index i = 0; i < rows; ++i) {
    std::vector<Bounded> y;
    for (Index c = 0; c < columns; ++c) y.push_back(product(a, d, i, x, columns, c));
    Bounded norm = sum_of_squares(y, 0);
    norm.error += static_cast<long double>(columns + 1) * eps<T> * (norm.value + norm.error);
    expect_within(norms[i], norm);
  }
}

template <class T>
void check_single_vector_passes() {
  for (const Index d : widths)
    for (const Index rows : heights) {
      check_bidiagonal<T>(rows, d);
      check_weighted<T>(rows, d);
    }
}

TEST_P(RowPassesOn, PassesOfOneVectorEqualTheirDefinitionInFloat32) {
  check_single_vector_passes<float>();
}
TEST_P(RowPassesOn, PassesOfOneVectorEqualTheirDefinitionInFloat64) {
  check_single_vector_passes<double>();
}

template <class T>
void check_all_norms() {
  for (const Index d : {1, 7, 64, 65})
    for (const Index rows : {0, 1, 4, 9, 300})
      for (const Index columns : {1, 2, 8, 17, 24, 25, 49}) check_norms<T>(rows, d, columns);  // up to several panels
  check_norms<T>(19, 1500, 3);
}

TEST_P(RowPassesOn, SquaredRowNormsEqualTheirDefinitionInFloat32) {
  check_all_norms<float>();
}
TEST_P(RowPassesOn, SquaredRowNormsEqualTheirDefinitionInFloat64) {
  check_all_norms<double>();
}

TEST(RowPasses, CountRowsBeyondTheIntegersOfFloat32) {
  constexpr Index rows = (Index{1} << 24) + 4096;  // a float32 sum would stop at 2^24
  const std::vector<float> ones(rows, 1.0F);
  const float v = 1;
  float gradient = 0;
  weighted_pass(ones.data(), rows, 1, ones.data(), &v, &gradient);
  EXPECT_EQ(gradient, static_cast<float>(rows));
}

/// Each small term is lost beside the large one unless sums of chunks are compensated.
TEST(RowPasses, LoseNoSmallTermsBesideALargeOne) {
  constexpr Index rows = 512 * 1025;
  std::vector<double> a(rows, 0x1p-54);
  for (Index i = 0; i < 512; ++i) a[i] = 0;
  a[0] = 512;  // the first chunk; every other sums to 2^-45, a 32nd of the unit of 512 in float64
  const std::vector<double> ones(rows, 1.0);
  const double v = 1;
  double gradient = 0;
  weighted_pass(ones.data(), rows, 1, a.data(), &v, &gradient);
  EXPECT_EQ(gradient, 512 + 1024 * 0x1p-45);
}

}  // namespace
}  // namespace breakeven
