#include "numerics/triangle_qr.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "numerics/cpu.hpp"
#include "numerics/small_dense.hpp"
#include "support/counted_allocations.hpp"

namespace breakeven {
namespace {

/// The same tests on every instruction set this processor can run.
class TriangleQrOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, TriangleQrOn, testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

template <class T>
constexpr double u = std::numeric_limits<T>::epsilon() / 2;

template <class T>
Array<T> normal(Index rows, Index columns, std::uint32_t stream) {
  const Philox random(11, Stream{stream});
  Array<T> a(1, rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) a(0, i, j) = static_cast<T>(random.normal(i, j));
  return a;
}

/// Absorbs rows [begin, end) of a and b in calls of the given numbers of rows, in turn.
template <class T>
void absorb(TriangleQr<T>& qr, const Array<T>& a, const Array<T>& b, Range range, const std::vector<Index>& calls) {
  std::size_t call = 0;
  for (Index first = range.begin; first < range.end; ++call) {
    const Index rows = std::min(calls[call % calls.size()], range.end - first);
    qr.absorb(a.row(0, first), b.columns() > 0 ? b.row(0, first) : nullptr, rows);
    first += rows;
  }
}

template <class T>
std::vector<T> state_of(const Array<T>& a, const Array<T>& b, const std::vector<Index>& calls, T ridge = 0) {
  TriangleQr<T> qr(a.columns(), b.columns());
  qr.start(ridge);
  absorb(qr, a, b, {0, a.rows()}, calls);
  const auto packed = qr.packed();
  return {packed.begin(), packed.end()};
}

/// x' y of columns p and q, in float64.
template <class T>
double dot(const Array<T>& x, Index p, const Array<T>& y, Index q) {
  double sum = 0;
  for (Index i = 0; i < x.rows(); ++i) sum += static_cast<double>(x(0, i, p)) * static_cast<double>(y(0, i, q));
  return sum;
}

/// Householder's QR is that of A + E with every column of E below c n d u times that of A (Higham 2002, theorem 19.4),
/// so the products of columns of [R Q'B; 0 residual] are those of [A B], each within that much of both columns' norms.
/// `ridge`: what the state was started from.
template <class T>
void expect_factor_of(std::span<const T> packed, const Array<T>& a, const Array<T>& b, double ridge = 0) {
  const Index d = a.columns(), n_rhs = b.columns();
  ASSERT_EQ(packed.size(), static_cast<std::size_t>(TriangleQr<T>::packed_size(d, n_rhs)));
  const Array<T> r = TriangleQr<T>::r(packed, d), right = TriangleQr<T>::rotated_rhs(packed, d, n_rhs);
  const auto squares = TriangleQr<T>::residual_squares(packed, d, n_rhs);
  const double tolerance = 10 * static_cast<double>(std::max<Index>(a.rows(), 1) * d) * u<T>;
  const auto norm = [](const Array<T>& x, Index p, double more) { return std::sqrt(dot(x, p, x, p) + more); };
  for (Index p = 0; p < d; ++p) {
    EXPECT_GE(r(0, p, p), 0) << "diagonal entry " << p;
    for (Index q = 0; q < p; ++q) EXPECT_EQ(r(0, p, q), 0);
    for (Index q = p; q < d; ++q)
      EXPECT_NEAR(dot(r, p, r, q), dot(a, p, a, q) + (p == q ? ridge : 0),
                  tolerance * norm(a, p, ridge) * norm(a, q, ridge))
          << "columns " << p << " and " << q;
    for (Index j = 0; j < n_rhs; ++j)
      EXPECT_NEAR(dot(r, p, right, j), dot(a, p, b, j), tolerance * norm(a, p, ridge) * norm(b, j, 0))
          << "column " << p << ", right side " << j;
  }
  for (Index j = 0; j < n_rhs; ++j)
    EXPECT_NEAR(dot(right, j, right, j) + static_cast<double>(squares[static_cast<std::size_t>(j)]), dot(b, j, b, j),
                tolerance * dot(b, j, b, j))
        << "right side " << j;
}

struct Case {
  Index rows, d, n_rhs;
};
constexpr Case cases[] = {
    {0, 3, 1},      // no rows
    {1, 1, 1},      // the smallest
    {1, 8, 0},      // one row, one panel, no right side
    {5, 9, 2},      // fewer rows than columns, one column more than a panel
    {40, 4, 0},     // half a panel
    {257, 7, 3},    // one row more than a block of doubles, one column less than a panel
    {513, 16, 1},   // one row more than a block of floats, whole panels
    {700, 25, 10},  // more right sides than a panel
    {300, 64, 1},
};

template <class T>
void check_all_cases() {
  for (const auto& [rows, d, n_rhs] : cases) {
    SCOPED_TRACE(testing::Message() << "rows " << rows << " d " << d << " n_rhs " << n_rhs);
    const Array<T> a = normal<T>(rows, d, 0), b = normal<T>(rows, n_rhs, 1);
    expect_factor_of<T>(state_of(a, b, {std::max<Index>(rows, 1)}), a, b);
    expect_factor_of<T>(state_of(a, b, {1, 50, 0, 7, 193}), a, b);
  }
}

TEST_P(TriangleQrOn, IsAFactorOfTheRowsHoweverTheyAreSplitInFloat32) {
  check_all_cases<float>();
}
TEST_P(TriangleQrOn, IsAFactorOfTheRowsHoweverTheyAreSplitInFloat64) {
  check_all_cases<double>();
}

/// R, Q'B and the residual of well-conditioned rows, against LAPACK's R of [A b] in float64: the last column of that
/// one is [Q'b; |residual|]. Entries err by the backward error times the condition number, below 4 for these sizes.
template <class T>
void check_against_lapack() {
  constexpr Index rows = 600, d = 37;
  const Array<T> a = normal<T>(rows, d, 2), b = normal<T>(rows, 1, 3);
  Array<double> both(1, rows, d + 1);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < d; ++j) both(0, i, j) = static_cast<double>(a(0, i, j));
    both(0, i, d) = static_cast<double>(b(0, i, 0));
  }
  const Array<double> expected = qr_upper(both);
  const std::vector<T> packed = state_of(a, b, {rows});
  const Array<T> r = TriangleQr<T>::r(packed, d), right = TriangleQr<T>::rotated_rhs(packed, d, 1);
  const double tolerance = 4 * static_cast<double>(d) * std::sqrt(static_cast<double>(rows)) * u<T>;
  for (Index i = 0; i < d; ++i) {
    const double norm = std::sqrt(static_cast<double>(rows));
    for (Index j = i; j < d; ++j) EXPECT_NEAR(r(0, i, j), expected(0, i, j), tolerance * norm) << i << " " << j;
    EXPECT_NEAR(right(0, i, 0), expected(0, i, d), tolerance * norm);
  }
  const double residual = expected(0, d, d);
  EXPECT_EQ(expected.rows(), d + 1);
  EXPECT_NEAR(TriangleQr<T>::residual_squares(packed, d, 1)[0] / (residual * residual), 1, tolerance);
}

TEST_P(TriangleQrOn, EqualsLapackInFloat32) {
  check_against_lapack<float>();
}
TEST_P(TriangleQrOn, EqualsLapackInFloat64) {
  check_against_lapack<double>();
}

template <class T>
void check_degenerate() {
  constexpr Index rows = 300, d = 13;
  Array<T> a = normal<T>(rows, d, 4);
  const Array<T> b = normal<T>(rows, 2, 5);
  for (Index i = 0; i < rows; ++i) {
    a(0, i, 0) = a(0, i, 9) = 0;            // zero columns, the first one of them
    a(0, i, 5) = a(0, i, 3);                // twins in one panel
    a(0, i, 12) = a(0, i, 2) - a(0, i, 3);  // dependent on another panel's
    if (i % 3 == 0) std::fill_n(a.row(0, i), d, T(0));
  }
  expect_factor_of<T>(state_of(a, b, {rows}), a, b);
  expect_factor_of<T>(state_of(a, b, {1, 100}), a, b);
  const Array<T> r = TriangleQr<T>::r(state_of(Array<T>(1, rows, d), b, {rows}), d);
  for (const T entry : r.span()) EXPECT_EQ(entry, 0);
}

TEST_P(TriangleQrOn, TakesZeroRowsZeroColumnsAndTwinsInFloat32) {
  check_degenerate<float>();
}
TEST_P(TriangleQrOn, TakesZeroRowsZeroColumnsAndTwinsInFloat64) {
  check_degenerate<double>();
}

template <class T>
void check_ridge() {
  constexpr Index rows = 100, d = 11;
  const T ridge = T(2.25);
  const Array<T> a = normal<T>(rows, d, 6), b = normal<T>(rows, 2, 7);
  const std::vector<T> started = state_of(a, b, {rows}, ridge);
  expect_factor_of<T>(started, a, b, static_cast<double>(ridge));
  Array<T> extended_a(1, rows + d, d), extended_b(1, rows + d, 2);
  std::copy_n(a.data(), a.size(), extended_a.data());
  std::copy_n(b.data(), b.size(), extended_b.data());
  for (Index i = 0; i < d; ++i) extended_a(0, rows + i, i) = std::sqrt(ridge);
  const std::vector<T> absorbed = state_of(extended_a, extended_b, {rows + d});
  const double norm = std::sqrt(static_cast<double>(rows)), terms = static_cast<double>(rows + d);
  for (std::size_t i = 0; i < started.size(); ++i) EXPECT_NEAR(started[i], absorbed[i], 4 * terms * u<T> * norm) << i;
}

TEST_P(TriangleQrOn, StartsFromARidgeAsIfItsRowsHadComeInFloat32) {
  check_ridge<float>();
}
TEST_P(TriangleQrOn, StartsFromARidgeAsIfItsRowsHadComeInFloat64) {
  check_ridge<double>();
}

/// Three states, of many rows, of fewer than d and of none, combined.
template <class T>
void check_combination(Index rows, Index d, Index n_rhs) {
  SCOPED_TRACE(testing::Message() << "rows " << rows << " d " << d);
  const Array<T> a = normal<T>(rows, d, 8), b = normal<T>(rows, n_rhs, 9);
  TriangleQr<T> left(d, n_rhs), middle(d, n_rhs), none(d, n_rhs);
  const Index cut = d / 2;
  absorb(left, a, b, {cut, rows}, {rows});
  absorb(middle, a, b, {0, cut}, {rows});
  none.start();
  left.absorb_packed(middle.packed());
  left.absorb_packed(none.packed());
  expect_factor_of<T>(left.packed(), a, b);
  middle.absorb_packed(none.packed());
  none.absorb_packed(left.packed());
  expect_factor_of<T>(none.packed(), a, b);
}

TEST_P(TriangleQrOn, CombinesToTheFactorOfAllRowsInFloat32) {
  check_combination<float>(90, 20, 3);
  check_combination<float>(30, 1, 1);
  check_combination<float>(560, 540, 1);  // a triangle longer than a block
}
TEST_P(TriangleQrOn, CombinesToTheFactorOfAllRowsInFloat64) {
  check_combination<double>(90, 20, 3);
  check_combination<double>(30, 8, 0);
  check_combination<double>(320, 300, 1);  // a triangle longer than a block
}

/// Columns from 1 down to 1e-12 (1e-6): the error of each is relative to itself, not to the largest.
template <class T>
void check_graded() {
  constexpr Index rows = 300, d = 21;
  const double smallest = sizeof(T) == 4 ? 1e-6 : 1e-12;
  Array<T> a = normal<T>(rows, d, 10);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < d; ++j)
      a(0, i, j) *= static_cast<T>(std::pow(smallest, static_cast<double>((5 * j) % d) / static_cast<double>(d - 1)));
  expect_factor_of<T>(state_of(a, normal<T>(rows, 1, 11), {rows}), a, normal<T>(rows, 1, 11));
}

TEST_P(TriangleQrOn, ErrsInEveryColumnInProportionToItInFloat32) {
  check_graded<float>();
}
TEST_P(TriangleQrOn, ErrsInEveryColumnInProportionToItInFloat64) {
  check_graded<double>();
}

/// b = A (1 .. 1), the condition number of A beyond 1 / sqrt(u): where the normal equations lose everything, the
/// residual of R^-1 Q'b is a small multiple of u |A| |x|, the most that a backward stable method leaves.
template <class T>
void check_stable() {
  constexpr Index rows = 400, d = 24;
  const double smallest = sizeof(T) == 4 ? 1e-5 : 1e-12;
  const Array<double> left = normal<double>(rows, d, 12), mixing = normal<double>(d, d, 13);
  Array<T> a(1, rows, d), b(1, rows, 1);
  double norm_squares = 0;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < d; ++j) {
      double sum = 0;
      for (Index k = 0; k < d; ++k)
        sum +=
            left(0, i, k) * std::pow(smallest, static_cast<double>(k) / static_cast<double>(d - 1)) * mixing(0, k, j);
      a(0, i, j) = static_cast<T>(sum);
      norm_squares += sum * sum;
    }
    double sum = 0;
    for (Index j = 0; j < d; ++j) sum += static_cast<double>(a(0, i, j));
    b(0, i, 0) = static_cast<T>(sum);
  }
  const std::vector<T> packed = state_of(a, b, {rows});
  Array<T> x = TriangleQr<T>::rotated_rhs(packed, d, 1);
  solve_upper(TriangleQr<T>::r(packed, d), x);
  double residual = 0, x_squares = 0;
  for (Index i = 0; i < rows; ++i) {
    double r = static_cast<double>(b(0, i, 0));
    for (Index j = 0; j < d; ++j) r -= static_cast<double>(a(0, i, j)) * static_cast<double>(x(0, j, 0));
    residual += r * r;
  }
  for (Index j = 0; j < d; ++j) x_squares += static_cast<double>(x(0, j, 0)) * static_cast<double>(x(0, j, 0));
  EXPECT_LE(std::sqrt(residual), 10 * u<T> * std::sqrt(norm_squares * x_squares));
}

TEST_P(TriangleQrOn, SolvesIllConditionedSystemsBackwardStablyInFloat32) {
  check_stable<float>();
}
TEST_P(TriangleQrOn, SolvesIllConditionedSystemsBackwardStablyInFloat64) {
  check_stable<double>();
}

TEST_P(TriangleQrOn, GoesOnFromAnAssignedState) {
  const Array<double> a = normal<double>(200, 10, 14), b = normal<double>(200, 2, 15);
  TriangleQr<double> first(10, 2), second(10, 2);
  absorb(first, a, b, {0, 120}, {120});
  second.absorb(a.data(), b.data(), 30);  // to be forgotten
  second.assign(first.packed());
  EXPECT_TRUE(std::ranges::equal(second.packed(), first.packed()));
  absorb(second, a, b, {120, 200}, {80});
  expect_factor_of<double>(second.packed(), a, b);
}

TEST_P(TriangleQrOn, ForgetsEverythingAtTheStart) {
  const Array<double> a = normal<double>(300, 5, 16), b = normal<double>(300, 1, 17);
  Array<double> broken = a;
  broken(0, 7, 3) = std::numeric_limits<double>::quiet_NaN();
  TriangleQr<double> qr(5, 1);
  qr.absorb(broken.data(), b.data(), 300);
  qr.start();
  qr.absorb(a.data(), b.data(), 300);
  EXPECT_TRUE(std::ranges::equal(qr.packed(), state_of(a, b, {300})));
}

template <class T>
class TriangleQrMemory : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(TriangleQrMemory, Types);

TYPED_TEST(TriangleQrMemory, IsWhatBytesSays) {
  for (const Index d : {1, 8, 65, 784})  // padded, whole, one column too many, a block beyond the cache
    for (const Index n_rhs : {0, 1, 10}) {
      const std::size_t before = allocated_array_bytes();
      const TriangleQr<TypeParam> qr(d, n_rhs);
      EXPECT_EQ(allocated_array_bytes() - before, static_cast<std::size_t>(TriangleQr<TypeParam>::bytes(d, n_rhs)));
    }
}

TYPED_TEST(TriangleQrMemory, IsNotAllocatedAfterConstruction) {
  const Array<TypeParam> a = normal<TypeParam>(600, 30, 18), b = normal<TypeParam>(600, 2, 19);
  TriangleQr<TypeParam> qr(30, 2), other(30, 2);
  const std::size_t before = allocations();
  qr.start(1);
  qr.absorb(a.data(), b.data(), 600);
  other.absorb_packed(qr.packed());
  other.assign(qr.packed());
  EXPECT_EQ(allocations(), before);
  EXPECT_GT(before, 0U);
}

}  // namespace
}  // namespace breakeven
