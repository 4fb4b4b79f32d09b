#include "numerics/lbfgs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numerics/definite_solve.hpp"

namespace breakeven {
namespace {

/// Rosenbrock's function in chains of two variables.
double rosenbrock(std::span<const double> x, std::span<double> gradient) {
  double value = 0;
  for (std::size_t k = 0; k + 1 < x.size(); k += 2) {
    const double valley = x[k + 1] - x[k] * x[k], away = 1 - x[k];
    value += 100 * valley * valley + away * away;
    gradient[k] = -400 * valley * x[k] - 2 * away;
    gradient[k + 1] = 200 * valley;
  }
  return value;
}

// 2: fewer than the library's padding; 16: none needed; 18: padded to 32.
TEST(Lbfgs, FindsTheMinimumOfRosenbrocksFunctionWhateverThePadding) {
  for (const std::size_t size : {std::size_t{2}, std::size_t{16}, std::size_t{18}}) {
    std::vector<double> x(size);
    for (std::size_t k = 0; k < size; ++k) x[k] = k % 2 == 0 ? -1.2 : 1;
    Index evaluations = 0, iterations = 0;
    const LbfgsOutcome outcome = minimise_lbfgs(
        x, {},
        [&](std::span<const double> at, std::span<double> gradient) {
          EXPECT_EQ(at.size(), size);
          ++evaluations;
          return rosenbrock(at, gradient);
        },
        [&](double gradient_norm) {
          ++iterations;
          return gradient_norm < 1e-8;
        });
    EXPECT_TRUE(outcome.stopped) << outcome.message;
    EXPECT_EQ(outcome.evaluations, evaluations);
    EXPECT_EQ(outcome.iterations, iterations);
    for (const double entry : x) EXPECT_NEAR(entry, 1, 1e-7);
  }
}

TEST(Lbfgs, StopsAtTheLargestNumberOfIterationsAndSaysSo) {
  std::vector<double> x{-1.2, 1};
  const LbfgsOutcome outcome = minimise_lbfgs(x, {5, 3}, rosenbrock, [](double) { return false; });
  EXPECT_FALSE(outcome.stopped);
  EXPECT_EQ(outcome.iterations, 3);
  EXPECT_NE(outcome.message.find("iterations"), std::string::npos);
}

TEST(DefiniteSolve, SolvesDefiniteSystemsAndDescendsOnIndefiniteOnes) {
  Array<double> h(1, 2, 2);
  h(0, 0, 0) = 4, h(0, 1, 1) = 3, h(0, 0, 1) = h(0, 1, 0) = 1;
  const std::vector<double> g{1, 2};
  const DefiniteSolution exact = solve_definite(h, g);
  EXPECT_FALSE(exact.modified);
  EXPECT_NEAR(4 * exact.x[0] + exact.x[1], 1, 1e-14);
  EXPECT_NEAR(exact.x[0] + 3 * exact.x[1], 2, 1e-14);
  h(0, 0, 1) = h(0, 1, 0) = 0, h(0, 1, 1) = -2;
  const DefiniteSolution modified = solve_definite(h, g);
  EXPECT_TRUE(modified.modified);
  EXPECT_NEAR(modified.x[0], 0.25, 1e-14);
  EXPECT_NEAR(modified.x[1], 1, 1e-14) << "divided by |-2|";
}

}  // namespace
}  // namespace breakeven
