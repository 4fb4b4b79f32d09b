#include "methods/regression/least_squares/sketch_solve.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.hpp"
#include "methods/regression/least_squares/leverage.hpp"
#include "support/least_squares_draws.hpp"
#include "support/on_ranks.hpp"

// What mathematics says of least squares on a sketch, and what it is compared with: sampling.
namespace breakeven {
namespace {

using regression::failure_share;
using regression::Leverage;
using regression::LeverageParams;
using regression::rows_for_excess;
using regression::SketchSolve;
using regression::SketchSolveParams;
using testing_support::draw_spec;
using testing_support::DrawBench;
using testing_support::excesses;
using testing_support::LeastSquaresSpec;
using testing_support::mean;

// Statistics over draws, of which the number of ranks is no part; PIndependence tests and the contract see to that.
using SketchDraws = testing_support::OnRanks;

SketchSolveParams sketch_of(const std::string& kind, Index rows) {
  SketchSolveParams params;
  params.sketch = kind;
  params.sketch_rows = rows;
  return params;
}

LeverageParams sample_of(const std::string& sampling, Index rows) {
  LeverageParams params;
  params.sampling = sampling;
  params.sample_rows = rows;
  return params;
}

/// Five standard deviations of the mean over draws of a chi-squared variable with `degrees`, over its mean, and twice
/// degrees / rows for what d / k leaves out.
double spread(double degrees, Index rows, Index draws) {
  return 5 * std::sqrt(2 / (degrees * static_cast<double>(draws))) + 2 * degrees / static_cast<double>(rows);
}

/// S Q and S r are independent Gaussians, so the excess is d / (k - d + 1) F with d and k - d + 1 degrees of freedom:
/// mean d / (k - d - 1), and the variance of F for the four standard deviations.
TEST_P(SketchDraws, GaussianSketchesObeyTheirExactLaw) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 10, draws = 200;
    const DrawBench<double> bench(comm, draw_spec(100, d));
    for (const Index k : {30, 60, 120}) {
      const double a = d, b = static_cast<double>(k - d + 1), expected = a / (b - 2);
      const double variance = a / b * (a / b) * 2 * b * b * (a + b - 2) / (a * (b - 2) * (b - 2) * (b - 4));
      EXPECT_NEAR(mean(excesses<SketchSolve>(bench, sketch_of("gaussian", k), draws)), expected,
                  4 * std::sqrt(variance / static_cast<double>(draws)))
          << k;
    }
  });
}

TEST_P(SketchDraws, OsnapHasAnExcessOfDOverKWhateverTheData) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 20, k = 400, draws = 40;
    for (const char* data : {"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"}) {
      const DrawBench<double> bench(comm, draw_spec(3000, d, data));
      EXPECT_NEAR(mean(excesses<SketchSolve>(bench, sketch_of("osnap", k), draws)) * k / d, 1, spread(d, k, draws))
          << data;
    }
  });
}

/// The same k rows serve any number of right sides: the excess of their sum is d / k as for one.
TEST_P(SketchDraws, RightSidesDoNotChangeTheRowsNeeded) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 10, k = 400, draws = 40;
    for (const Index rhs : {1, 10, 40}) {
      const DrawBench<double> bench(comm, draw_spec(3000, d, "student_t", rhs));
      EXPECT_EQ(bench.run<SketchSolve>({}).counts.rows_used, 240) << rhs;
      EXPECT_NEAR(mean(excesses<SketchSolve>(bench, sketch_of("osnap", k), draws)) * k / d, 1, spread(d, k, draws))
          << rhs;
      // Estimated scores: up to 1.2 d / k, and below it where heavy rows are kept for sure.
      EXPECT_LE(mean(excesses<Leverage>(bench, sample_of("leverage", k), draws)) * k / d, 1.2 + spread(d, k, draws))
          << rhs;
    }
  });
}

/// With a ridge the excess is that of sd = sum s^2 / (s^2 + ridge) columns: singular values of graded data are known.
TEST_P(SketchDraws, ARidgeReplacesDByTheStatisticalDimension) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 30, k = 600, draws = 40;
    LeastSquaresSpec spec = draw_spec(4000, d, "graded");
    spec.condition = 1e3;
    spec.noise = 100;  // the ridge then stands against noise, not against the planted answer
    for (const double ridge : {0.0, 1.0, 100.0, 1000.0}) {
      spec.ridge = ridge;
      double dimension = 0;
      for (Index j = 0; j < d; ++j) {
        const double square =
            static_cast<double>(spec.n) * std::pow(spec.condition, -2.0 * static_cast<double>(j) / (d - 1));
        dimension += square / (square + ridge);
      }
      const DrawBench<double> bench(comm, spec);
      const double sketched = mean(excesses<SketchSolve>(bench, sketch_of("osnap", k), draws)) * k / dimension;
      const double sampled = mean(excesses<Leverage>(bench, sample_of("leverage", k), draws)) * k / dimension;
      EXPECT_NEAR(sketched, 1, spread(dimension, k, draws)) << ridge;
      EXPECT_NEAR(sampled, 1.2, 0.2 + spread(dimension, k, draws)) << ridge;  // estimated scores cost 0 to 1.2
    }
  });
}

/// The rows sqrt(ridge) I are no part of the sketch: where they decide alone, the answer is that of the oracle.
TEST_P(SketchDraws, TheRidgeIsExact) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = draw_spec(2000, 10);
    spec.ridge = 1e12;
    const DrawBench<double> bench(comm, spec);
    EXPECT_LE(bench.run<SketchSolve>({}).quality.error, 1e-8);  // |A|^2 / ridge = 2e-8 of |B|^2 is all there is to err
    EXPECT_LE(bench.run<Leverage>({}).quality.error, 1e-8);
  });
}

/// d / 2 columns live on d / 2 rows: uniform sampling misses them, CountSketch lets two of them collide in some draw.
TEST_P(SketchDraws, SpikesBreakUniformSamplesAndCountSketchesNotOsnapAndLeverage) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 20, k = 200, draws = 40;  // k < d^2
    const DrawBench<double> bench(comm, draw_spec(8000, d, "spike"));
    const std::vector<double> osnap = excesses<SketchSolve>(bench, sketch_of("osnap", k), draws);
    const std::vector<double> count = excesses<SketchSolve>(bench, sketch_of("count", k), draws);
    const std::vector<double> leverage = excesses<Leverage>(bench, sample_of("leverage", k), draws);
    const std::vector<double> uniform = excesses<Leverage>(bench, sample_of("uniform", k), draws);
    EXPECT_LE(osnap.back(), 4.0 * d / k);  // the largest of 40 draws of a chi-squared variable over d = 20 is below 3
    EXPECT_LE(leverage.back(), 4.0 * d / k);
    EXPECT_GE(count.back(), 1);     // ten times the mean, in some draw
    EXPECT_GE(uniform.front(), 1);  // in every draw
  });
}

/// At most the share of draws that is promised misses the tolerance: 5 % and three standard deviations of 60 draws.
TEST_P(SketchDraws, ProbableBoundsHoldInTheShareOfDrawsPromised) {
  on_ranks([](const Communicator& comm) {
    constexpr Index draws = 60;
    const double allowed = draws * failure_share + 3 * std::sqrt(draws * failure_share * (1 - failure_share));
    for (const Index d : {2, 10, 25})
      for (const char* data : {"gaussian", "student_t", "cauchy", "spike"})
        for (const double tolerance : {0.3, 0.1}) {
          const DrawBench<double> bench(comm, draw_spec(2000, d, data));
          SketchSolveParams sketch;
          LeverageParams sample;
          sketch.tolerance = sample.tolerance = tolerance;
          for (const Promise& promise : {bench.run<SketchSolve>(sketch).promise, bench.run<Leverage>(sample).promise}) {
            EXPECT_EQ(promise.kind, Promise::Kind::probable);
            EXPECT_EQ(promise.metric, "error");
            EXPECT_EQ(promise.bound, tolerance);
          }
          const auto misses = [&](const std::vector<double>& all) {
            return static_cast<double>(all.end() - std::upper_bound(all.begin(), all.end(), tolerance));
          };
          EXPECT_LE(misses(excesses<SketchSolve>(bench, sketch, draws)), allowed)
              << data << " d=" << d << " tolerance " << tolerance;
          EXPECT_LE(misses(excesses<Leverage>(bench, sample, draws)), allowed)
              << data << " d=" << d << " tolerance " << tolerance;
        }
  });
}

TEST_P(SketchDraws, PromiseNothingWhereTheTheoryDoesNot) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, draw_spec(3000, 10));
    const auto reason = [&](const SketchSolveParams& params) {
      const Promise promise = bench.run<SketchSolve>(params).promise;
      EXPECT_EQ(promise.kind, Promise::Kind::none);
      return promise.reason;
    };
    EXPECT_THAT(reason(sketch_of("count", 240)),
                testing::HasSubstr("a count sketch needs the order of d^2 rows, 1000 for all matrices, and has 240"));
    EXPECT_EQ(bench.run<SketchSolve>(sketch_of("count", 1000)).promise.kind, Promise::Kind::probable);
    EXPECT_THAT(reason(sketch_of("osnap", 40)), testing::HasSubstr("tolerance 0.1 takes 240 sketch-rows, got 40"));
  });
}

TEST_P(SketchDraws, SayWhenTheyAreNoSmallerThanTheData) {
  on_ranks([](const Communicator& comm) {
    const auto reason_at = [&](Index n) {
      const auto run = DrawBench<double>(comm, draw_spec(n, 10)).run<SketchSolve>({});
      EXPECT_EQ(run.counts.rows_used, 240);
      EXPECT_EQ(run.promise.kind, Promise::Kind::probable);
      return run.promise.reason;
    };
    EXPECT_EQ(reason_at(241), "");
    EXPECT_EQ(reason_at(240), "no fewer rows are kept than there are: no saving, use an exact method");
    EXPECT_EQ(reason_at(50), reason_at(240));
  });
}

/// One entry a column, and as few rows as allowed: of 12 rows of A some share a bucket, so the sketch has lost rank.
TEST_P(SketchDraws, ALostDirectionIsCountedAndGivesAFiniteAnswer) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, draw_spec(12, 10));
    const auto run = bench.run<SketchSolve>(sketch_of("count", 10));
    EXPECT_LT(run.counts.pivots_used, 10);
    EXPECT_TRUE(std::isfinite(run.quality.error));
    EXPECT_THAT(run.promise.reason, testing::HasSubstr("directions of A"));
  });
}

TEST(SketchSolveOptions, AreRefusedByName) {
  const LeastSquaresSpec spec = draw_spec(100, 10);
  const auto refusal = [&](SketchSolveParams params) -> std::string {
    try {
      SketchSolve<double>::validate(spec, params);
    } catch (const BadRequest& error) {
      return error.what();
    }
    return "";
  };
  SketchSolveParams params;
  EXPECT_EQ(refusal(params), "");
  params.sketch_rows = 9;
  EXPECT_EQ(refusal(params), "sketch-rows must be at least d = 10, got 9");
  params = {};
  params.tolerance = 1;
  EXPECT_EQ(refusal(params), "tolerance must lie in (0, 1), got 1");
  params.tolerance = std::nan("");
  EXPECT_THAT(refusal(params), testing::HasSubstr("tolerance must lie in (0, 1)"));
  params.tolerance = 1e-300;
  EXPECT_THAT(refusal(params), testing::HasSubstr("sketch-rows must be below 2^32 (from the tolerance unless given)"));
  params = {};
  params.nonzeros = 0;
  EXPECT_EQ(refusal(params), "nonzeros must lie between 1 and the rows of the sketch, 240, got 0");
  params = {};
  params.draw = -1;
  EXPECT_EQ(refusal(params), "draw must be at least 0, got -1");
  params = {};
  params.sketch = "hadamard";
  EXPECT_EQ(refusal(params), "sketch must be osnap, count or gaussian, got 'hadamard'");
}

INSTANTIATE_TEST_SUITE_P(LeastSquares, SketchDraws, testing::Values(1), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
