#include "numerics/exp_polynomial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/error.hpp"
#include "base/value.hpp"

namespace breakeven {
namespace {

constexpr Coefficients all_coefficients[] = {Coefficients::taylor, Coefficients::chebyshev, Coefficients::minimax};
constexpr double infinity = std::numeric_limits<double>::infinity();

/// max |p(s) e^-s - 1| on a uniform grid, in extended precision.
double largest_error(const ExpPolynomial& p, int points) {
  long double worst = 0;
  for (int i = 0; i <= points; ++i) {
    const long double s = p.radius * (2.0L * i / points - 1.0L);
    long double value = 0;
    for (auto c = p.c.rbegin(); c != p.c.rend(); ++c) value = value * s + *c;
    worst = std::max(worst, std::abs(value * std::exp(-s) - 1));
  }
  return static_cast<double>(worst);
}

TEST(ExpPolynomial, SmallestDegreesAreTheKnownOnes) {
  constexpr double tolerances[] = {1e-1, 1e-2, 1e-3, 1e-4, 1e-6};
  struct Row {
    double radius;
    Index degrees[5][3];  // Taylor, Chebyshev, minimax for each tolerance
  };
  // Facts of approximation theory: they do not depend on how the polynomials are found.
  constexpr Row table[] = {
      {0.0625, {{0, 0, 0}, {1, 1, 1}, {2, 2, 1}, {2, 2, 2}, {3, 3, 3}}},
      {0.25, {{1, 1, 1}, {2, 2, 2}, {3, 2, 2}, {4, 3, 3}, {5, 4, 4}}},
      {0.5, {{2, 1, 1}, {3, 2, 2}, {4, 3, 3}, {5, 4, 4}, {7, 6, 5}}},
      {1, {{3, 3, 2}, {5, 4, 3}, {6, 5, 4}, {7, 6, 5}, {9, 7, 7}}},
      {2, {{7, 5, 3}, {8, 6, 5}, {10, 7, 6}, {11, 8, 7}, {14, 10, 9}}},
      {4, {{14, 9, 6}, {15, 10, 7}, {17, 12, 9}, {19, 13, 10}, {21, 15, 13}}},
      {8, {{28, 18, 10}, {30, 19, 12}, {31, 20, 14}, {33, 22, 16}, {36, 24, 19}}},
  };
  for (const Row& row : table)
    for (int e = 0; e < 5; ++e)
      for (int k = 0; k < 3; ++k)
        EXPECT_EQ(smallest_degree(all_coefficients[k], row.radius, tolerances[e], 40), row.degrees[e][k])
            << "R = " << row.radius << ", eps = " << tolerances[e] << ", coefficients " << k;
}

TEST(ExpPolynomial, SmallestDegreeIsUnknownBeyondTheLargestAllowed) {
  EXPECT_EQ(smallest_degree(Coefficients::taylor, 8, 1e-6, 35), unknown_index);
  EXPECT_EQ(smallest_degree(Coefficients::taylor, 8, 1e-6, 36), 36);
}

TEST(ExpPolynomial, StatedErrorBoundsTheTrueOneAndIsTight) {
  for (const double radius : {1e-12, 0.1, 0.7, 1.0, 3.0, 8.0, 12.0, 16.0})
    for (const Index degree : {0, 1, 2, 3, 6, 11, 20, 30})
      for (const Coefficients coefficients : all_coefficients) {
        const ExpPolynomial p = exp_polynomial(coefficients, degree, radius);
        const double found = largest_error(p, 50000);  // ten times the points behind the bound, and other ones
        const double own_rounding = static_cast<double>(4 * (degree + 2) * std::numeric_limits<long double>::epsilon() *
                                                        p.absolute(radius) * std::exp(radius));
        EXPECT_LE(found, p.relative_error + own_rounding) << "R = " << radius << ", degree " << degree;
        // The bound adds 0.2 % and the rounding errors of the coefficients and of its own evaluation.
        const double rounding = 1e-15 + 1e-15 * p.absolute(radius) * std::exp(radius);
        EXPECT_LE(p.relative_error, 1.01 * found + rounding) << "R = " << radius << ", degree " << degree;
      }
}

TEST(ExpPolynomial, MinimaxIsNeverWorseThanTheOthers) {
  for (const double radius : {0.0, 1e-12, 1e-3, 0.5, 2.0, 8.0, 16.0})
    for (Index degree = 0; degree <= 30; ++degree) {
      const double minimax = exp_polynomial(Coefficients::minimax, degree, radius).relative_error;
      EXPECT_LE(minimax, exp_polynomial(Coefficients::taylor, degree, radius).relative_error);
      EXPECT_LE(minimax, exp_polynomial(Coefficients::chebyshev, degree, radius).relative_error);
    }
}

TEST(ExpPolynomial, MinimaxOfDegreeZeroIsKnownInClosedForm) {
  // c e^-s - 1 is +-E at s = -+R: c = 1 / cosh R, E = tanh R.
  const ExpPolynomial p = exp_polynomial(Coefficients::minimax, 0, 0.75);
  EXPECT_NEAR(p.c[0], 1 / std::cosh(0.75), 4e-16);
  EXPECT_NEAR(p.relative_error, std::tanh(0.75), 0.002 * std::tanh(0.75));  // the bound's margin
}

TEST(ExpPolynomial, MinimaxEquioscillates) {
  for (const double radius : {0.5, 2.0, 8.0, 16.0})
    for (const Index degree : {1, 4, 7, 12}) {
      const ExpPolynomial p = exp_polynomial(Coefficients::minimax, degree, radius);
      if (p.relative_error < 1e-12) continue;  // p(s) is computed in float64 here
      int alternations = 0, sign = 0;
      for (int i = 0; i <= 20000; ++i) {
        const double s = -radius * std::cos(3.141592653589793 * i / 20000);
        const double error = p(s) * std::exp(-s) - 1;
        if (std::abs(error) < 0.98 * p.relative_error || (error > 0 ? 1 : -1) == sign) continue;
        sign = error > 0 ? 1 : -1;
        ++alternations;
      }
      EXPECT_EQ(alternations, degree + 2) << "R = " << radius << ", degree " << degree;
    }
}

TEST(ExpPolynomial, IsPositiveWhereTheErrorIsBelowOne) {
  int certified = 0;
  for (const double radius : {1.0, 4.0, 8.0, 12.0})
    for (const Coefficients coefficients : all_coefficients)
      for (Index degree = 0; degree <= 12; ++degree) {
        const ExpPolynomial p = exp_polynomial(coefficients, degree, radius);
        if (!(p.relative_error < 1)) continue;
        ++certified;
        for (int i = 0; i <= 1000; ++i) EXPECT_GT(p(radius * (i / 500.0 - 1)), 0) << radius << " " << degree;
      }
  EXPECT_GT(certified, 40);
}

TEST(ExpPolynomial, TaylorErrorIsTheOneAtTheLeftEnd) {
  // Degree 1: (1 - R) e^R - 1 in magnitude.
  EXPECT_NEAR(exp_polynomial(Coefficients::taylor, 1, 0.5).relative_error, 1 - 0.5 * std::exp(0.5), 1e-15);
  // R^(g+1) / (g+1)! at tiny R, where 1 - (1 - R) e^R has lost every digit.
  EXPECT_NEAR(exp_polynomial(Coefficients::taylor, 1, 1e-12).relative_error, 0.5e-24, 1e-34);
}

TEST(ExpPolynomial, IsFiniteOrRefusesEverywhere) {
  for (const double radius : {0.0, 1e-300, 1e-12, 1.0, 16.0, 22.0, 23.0, 800.0, 1e300, infinity})
    for (Index degree = 0; degree <= 30; ++degree)
      for (const Coefficients coefficients : all_coefficients) {
        const ExpPolynomial p = exp_polynomial(coefficients, degree, radius);
        ASSERT_EQ(p.c.size(), static_cast<std::size_t>(degree + 1));
        for (const double c : p.c) EXPECT_TRUE(std::isfinite(c)) << radius << " " << degree;
        EXPECT_GE(p.relative_error, 0) << radius << " " << degree;  // false for NaN
      }
  EXPECT_EQ(exp_polynomial(Coefficients::minimax, 4, 30).relative_error, infinity);
  EXPECT_EQ(exp_polynomial(Coefficients::minimax, 0, 0).relative_error, 0);
}

TEST(ExpPolynomial, AbsoluteSumsMagnitudes) {
  const ExpPolynomial p{{1, -2, 3}, 1, 0};
  EXPECT_EQ(p(-2), 17);
  EXPECT_EQ(p(2), 9);
  EXPECT_EQ(p.absolute(2), 17);
  EXPECT_EQ(p.absolute(-2), 17);
}

TEST(ExpPolynomial, NamesTheChoicesForAnUnknownWord) {
  EXPECT_EQ(coefficients_from_text("minimax"), Coefficients::minimax);
  EXPECT_EQ(coefficients_from_text("taylor"), Coefficients::taylor);
  EXPECT_EQ(coefficients_from_text("chebyshev"), Coefficients::chebyshev);
  try {
    coefficients_from_text("remez");
    ADD_FAILURE() << "accepted";
  } catch (const BadRequest& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("taylor, chebyshev or minimax, got remez"));
  }
}

}  // namespace
}  // namespace breakeven
