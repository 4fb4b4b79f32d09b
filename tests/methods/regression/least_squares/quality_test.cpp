#include <gmock/gmock.h>

#include "numerics/small_dense.hpp"
#include "support/least_squares_runs.hpp"
#include "support/on_ranks.hpp"

// The oracle of least squares and the quality computed from it: what every method is judged by.
namespace breakeven::testing_support {
namespace {

using LeastSquaresOracle = OnRanks;

constexpr double u = 0x1p-53;

/// A = [1 1; e 0; 0 e], b = A (1, 1)' + z with z = (e, -1, -1)' orthogonal to both columns (Lauchli 1961). All entries
/// are exact for e = 2^-k, so X* = (1, 1)', |r| = |z|, and the condition number is sqrt(2 + e^2) / e.
LeastSquaresData lauchli(double e) {
  LeastSquaresData data(least_squares_spec(3, 2, "file"));
  const double a[] = {1, 1, e, 0, 0, e}, b[] = {2 + e, e - 1, e - 1};
  std::copy_n(a, 6, data.a.data());
  std::copy_n(b, 3, data.b.data());
  return data;
}

TEST_P(LeastSquaresOracle, KnowsTheAnswerOfLauchlisMatrix) {
  on_ranks([](const Communicator& comm) {
    for (const double e : {0x1p-3, 0x1p-13, 0x1p-24, 0x1p-33}) {
      const LeastSquaresData data = lauchli(e);
      const LeastSquaresReference reference = reference_of<double>(comm, data);
      Array<double> away = reference.x;
      for (double& entry : away.span()) entry -= 1;
      const double condition = std::sqrt(2 + e * e) / e, r_norm = std::sqrt(2 + e * e);
      // The residual is in long double: |R (X - X*)| is off by its rounding times the condition, and by X's own.
      const double allowed = 8 * (0x1p-64 * condition * r_norm + u * norm(reference.r) * norm(reference.x));
      EXPECT_LE(norm(product(reference.r, away)), allowed) << e;
      EXPECT_NEAR(reference.objective, 2 + e * e, 8 * u * 2) << e;
      EXPECT_NEAR(reference.a_norm, std::sqrt(2 + 2 * e * e), 4 * u) << e;
      EXPECT_NEAR(reference.condition, condition, 2 * condition) << e;  // 1-norm, an estimate
    }
  });
}

/// Orthogonal columns of +1 and -1, so that X* = A'B / 4 is a sum of four doubles, and a residual a million times as
/// large as A X: rounded to double it would cost the answer a third of its digits, and refinement would not bring them
/// back.
TEST_P(LeastSquaresOracle, KnowsASmallAnswerBelowALargeResidual) {
  on_ranks([](const Communicator& comm) {
    for (const double x0 : {1.0 / 3, 1.0 / 7, 0.1, 0.7}) {
      LeastSquaresData data(least_squares_spec(4, 2, "file"));
      const double a[] = {1, 1, 1, -1, 1, 1, 1, -1}, far[] = {0x1p20, 0x1p20, -0x1p20, -0x1p20};
      std::copy_n(a, 8, data.a.data());
      for (Index i = 0; i < 4; ++i) data.b.data()[i] = far[i] + x0 * a[2 * i] + x0 / 3 * a[2 * i + 1];
      const LeastSquaresReference reference = reference_of<double>(comm, data);
      for (Index k = 0; k < 2; ++k) {
        long double sum = 0;
        for (Index i = 0; i < 4; ++i)
          sum += static_cast<long double>(a[2 * i + k]) * static_cast<long double>(data.b.data()[i]);
        EXPECT_NEAR(reference.x.data()[k], static_cast<double>(sum / 4), 0x1p-40) << x0 << " " << k;
      }
    }
  });
}

TEST_P(LeastSquaresOracle, IsAtTheMinimum) {
  on_ranks([](const Communicator& comm) {
    for (const char* kind : {"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"})
      for (const double ridge : {0.0, 2.0}) {
        LeastSquaresSpec spec = least_squares_spec(90, 7, kind);
        spec.rhs = 2;
        spec.ridge = ridge;
        const LeastSquaresData data = LeastSquaresData::generated(spec);
        const LeastSquaresReference reference = reference_of<double>(comm, data);
        EXPECT_NEAR(reference.objective / objective(data, reference.x), 1, 64 * u) << kind;
        for (Index i = 0; i < reference.x.size(); ++i)
          for (const double step : {-1e-3, 1e-3}) {
            Array<double> moved = reference.x;
            moved.data()[i] += step * (1 + std::abs(moved.data()[i]));
            EXPECT_GT(objective(data, moved), reference.objective) << kind << " " << ridge;
          }
      }
  });
}

/// objective(X) - objective(X*) = |R (X - X*)|_F^2, however far X is.
TEST_P(LeastSquaresOracle, MeasuresTheExcessByPythagoras) {
  on_ranks([](const Communicator& comm) {
    for (const double ridge : {0.0, 3.0}) {
      LeastSquaresSpec spec = least_squares_spec(120, 5);
      spec.rhs = 3;
      spec.ridge = ridge;
      const LeastSquaresData data = LeastSquaresData::generated(spec);
      const LeastSquaresReference reference = reference_of<double>(comm, data);
      for (const double step : {1e-3, 1.0, 1e3}) {
        Array<double> x = reference.x;
        for (Index i = 0; i < x.size(); ++i) x.data()[i] += step * Philox(9, Stream{1}).normal(i);
        const double smallest = objective(data, reference.x), by_definition = objective(data, x) / smallest - 1;
        const double error = quality_of<double>(comm, data, x).error;
        // The definition cancels: its rounding is relative to the larger objective.
        EXPECT_NEAR(error, by_definition, 1e-12 * (1 + by_definition)) << step;
        EXPECT_GE(error, 0);
      }
      EXPECT_EQ(quality_of<double>(comm, data, reference.x).error, 0);
    }
  });
}

TEST_P(LeastSquaresOracle, ReportsTheObjectiveOfConsistentSystems) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(60, 4);
    spec.noise = 0;
    const LeastSquaresData data = LeastSquaresData::generated(spec);
    Array<double> x = reference_of<double>(comm, data).x;
    EXPECT_LE(quality_of<double>(comm, data, x).error, 16 * u * u);
    x(0, 2, 0) += 1e-3;  // no longer rounding: the objective itself, relative to |B|^2
    const double b_squares = norm(data.b) * norm(data.b);
    EXPECT_NEAR(quality_of<double>(comm, data, x).error * b_squares / objective(data, x), 1, 1e-9);
    LeastSquaresData zero = data;
    std::fill_n(zero.b.data(), zero.b.size(), 0.0);
    EXPECT_EQ(quality_of<double>(comm, zero, Array<double>(1, 4, 1)).error, 0);
    EXPECT_EQ(quality_of<double>(comm, zero, Array<double>(1, 4, 1)).backward_error, 0);
    EXPECT_EQ(quality_of<double>(comm, zero, x).error, INFINITY);
  });
}

/// The smallest |E|_F for which x solves the problem with A + E: min(e, smallest singular value of [A, e (I - r r' /
/// |r|^2)]) with e = |r| / |x| (Walden, Karlson, Sun 1995), one right side.
double smallest_change(const LeastSquaresData& data, const Array<double>& x) {
  const Index n = data.spec.n, d = data.spec.d;
  const Array<double> r = minus(data.b, product(data.a, x));
  const double e = norm(r) / norm(x);
  Array<double> both(1, n, d + n);
  for (Index i = 0; i < n; ++i) {
    std::copy_n(data.a.row(0, i), d, both.row(0, i));
    for (Index j = 0; j < n; ++j)
      both(0, i, d + j) = e * ((i == j ? 1 : 0) - r(0, i, 0) * r(0, j, 0) / (norm(r) * norm(r)));
  }
  return std::min(e, singular_values(both).back());
}

TEST_P(LeastSquaresOracle, EstimatesTheBackwardError) {
  on_ranks([](const Communicator& comm) {
    for (const auto& [kind, noise] :
         {std::pair{"gaussian", 1.0}, {"gaussian", 1e-3}, {"graded", 0.1}, {"cauchy", 10.0}})
      for (const double step : {1e-8, 1e-4, 1.0}) {
        LeastSquaresSpec spec = least_squares_spec(14, 4, kind);
        spec.noise = noise;
        const LeastSquaresData data = LeastSquaresData::generated(spec);
        Array<double> x = reference_of<double>(comm, data).x;
        for (Index i = 0; i < x.size(); ++i) x.data()[i] *= 1 + step * Philox(9, Stream{1}).normal(i);
        const double estimate = quality_of<double>(comm, data, x).backward_error * norm(data.a);
        const double exact = smallest_change(data, x);
        // Equal in the limit of small steps (Grcar 2003), within sqrt(2) for any (Hallman and Gu 2020); singular values
        // are known to u |A|.
        const double rounding = 64 * u * norm(data.a);
        const double factor = step < 1e-3 ? 1 + 10 * step : std::sqrt(2.0);
        EXPECT_LE(estimate, factor * exact + rounding) << kind << " " << noise << " " << step;
        EXPECT_GE(estimate, exact / factor - rounding) << kind << " " << noise << " " << step;
      }
  });
}

TEST_P(LeastSquaresOracle, LetsNoBrokenAnswerPass) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(40, 3);
    spec.rhs = 2;
    const LeastSquaresData data = LeastSquaresData::generated(spec);
    const Array<double> good = reference_of<double>(comm, data).x;
    for (const double bad : {NAN, INFINITY, -INFINITY})
      for (Index i = 0; i < good.size(); ++i) {
        Array<double> x = good;
        x.data()[i] = bad;
        const LeastSquaresQuality quality = quality_of<double>(comm, data, x);
        for (const double value :
             {quality.error, quality.backward_error, quality.optimality, quality.forward_error, quality.residual})
          EXPECT_EQ(value, INFINITY) << bad << " at " << i;
      }
    LeastSquaresSolution<double> a{good}, b{good};
    b.x.data()[1] = NAN;
    const LeastSquaresReference reference = reference_of<double>(comm, data);
    EXPECT_TRUE(LeastSquaresProblem<double>::agrees(reference, a, a));
    EXPECT_FALSE(LeastSquaresProblem<double>::agrees(reference, a, b));
    b.x.data()[1] = good.data()[1] * (1 + 1e-9);
    EXPECT_FALSE(LeastSquaresProblem<double>::agrees(reference, a, b));
  });
}

TEST_P(LeastSquaresOracle, CountsTestRowsWhoseLargestColumnIsRight) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(20, 2, "file");
    spec.rhs = 3;
    spec.test_rows = 5;
    LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20, 2));
    data.spec = spec;
    data.b = Array<double>(1, 20, 3);
    data.test_a = Array<double>(1, 5, 2);
    data.test_b = Array<double>(1, 5, 3);
    Array<double> x(1, 2, 3);  // predicts column 0 for (1, 0), column 2 for (0, 1)
    x(0, 0, 0) = 1, x(0, 0, 1) = 0.5, x(0, 0, 2) = -1;
    x(0, 1, 0) = 0.5, x(0, 1, 1) = -1, x(0, 1, 2) = 1;
    const Index kind[] = {0, 1, 0, 1, 1}, label[] = {0, 2, 1, 2, 0};
    for (Index i = 0; i < 5; ++i) data.test_a(0, i, kind[i]) = 1, data.test_b(0, i, label[i]) = 1;
    EXPECT_EQ(quality_of<double>(comm, data, x).test_accuracy, 3.0 / 5);
    data.spec.test_rows = 0;
    EXPECT_TRUE(std::isnan(quality_of<double>(comm, data, x).test_accuracy));
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, LeastSquaresOracle, contract_ranks(), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
