#include "methods/regression/least_squares/sketch_precondition.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.hpp"
#include "support/least_squares_draws.hpp"
#include "support/on_ranks.hpp"

// What preconditioning by a sketch must do: iterations independent of the condition, backward stability by restarts.
namespace breakeven {
namespace {

using regression::SketchPrecondition;
using regression::SketchPreconditionParams;
using testing_support::draw_spec;
using testing_support::DrawBench;
using testing_support::LeastSquaresSpec;

using Preconditioned = testing_support::OnRanks;

LeastSquaresSpec graded(double condition, double noise = 0.1, Index n = 4000, Index d = 40) {
  LeastSquaresSpec spec = draw_spec(n, d, "graded");
  spec.condition = condition;
  spec.noise = noise;
  return spec;
}

SketchPreconditionParams refined(Index refinements, const std::string& start = "sketch", double tolerance = 1e-12) {
  SketchPreconditionParams params;
  params.refinements = refinements;
  params.start = start;
  params.tolerance = tolerance;
  return params;
}

/// rho = sqrt(d / k) = 1/2: a bit an iteration. The first start takes the excess to 1e-12, the step to 1e-6; the second
/// takes it 2^26.5 further; each has one iteration to agree on its end, and 4 are allowed for a sketch worse than most.
TEST_P(Preconditioned, IterationsDoNotGrowWithTheCondition) {
  on_ranks([](const Communicator& comm) {
    const double at_most = std::log2(2e6) + std::log2(2 * std::sqrt(0x1p53)) + 2 * (1 + 4);
    for (const double condition : {1.0, 1e2, 1e4, 1e6, 1e8}) {
      const DrawBench<double> bench(comm, graded(condition));
      const auto run = bench.run<SketchPrecondition>({});
      EXPECT_LE(static_cast<double>(run.counts.iterations), at_most) << condition;
      EXPECT_TRUE(run.counts.converged) << condition;
      EXPECT_EQ(run.promise.kind, Promise::Kind::probable) << condition;
      EXPECT_LE(run.quality.error, 1e-12) << condition;
    }
  });
}

TEST_P(Preconditioned, RestartsMakeItBackwardStable) {
  on_ranks([](const Communicator& comm) {
    for (const double condition : {1.0, 1e4, 1e7, 1e8, 1e10})
      for (const double noise : {10.0, 0.1, 1e-3, 1e-8}) {
        const DrawBench<double> bench(comm, graded(condition, noise));
        for (const char* start : {"sketch", "zero"})
          EXPECT_LE(bench.run<SketchPrecondition>(refined(3, start)).quality.backward_error, 1e-14)
              << condition << " " << noise << " " << start;
      }
  });
}

/// As first published: one start, from zero, until LSQR itself believes that nothing is left to gain.
TEST_P(Preconditioned, WithoutRestartsItIsNotBackwardStable) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, graded(1e8, 1e-3));
    const double plain = bench.run<SketchPrecondition>(refined(0, "zero", 1e-28)).quality.backward_error;
    const double restarted = bench.run<SketchPrecondition>(refined(3, "zero", 1e-28)).quality.backward_error;
    EXPECT_GE(plain, 1e-14);
    EXPECT_GE(plain, 100 * restarted);
    EXPECT_LE(restarted, 1e-15);
    // The tolerance alone leaves a backward error too: one restart removes it.
    EXPECT_GE(bench.run<SketchPrecondition>(refined(0)).quality.backward_error, 1e-14);
    const auto once = bench.run<SketchPrecondition>(refined(1));
    EXPECT_EQ(once.counts.refinements_used, 1);
    EXPECT_LE(once.quality.backward_error, 1e-15);
  });
}

TEST_P(Preconditioned, ALooserToleranceTakesFewerIterationsAndIsKept) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, graded(1e6));
    Index before = 0;
    for (const double tolerance : {0.3, 1e-2, 1e-4, 1e-6, 1e-9, 1e-12}) {
      const auto run = bench.run<SketchPrecondition>(refined(0, "sketch", tolerance));
      EXPECT_LE(run.quality.error, tolerance);
      EXPECT_TRUE(run.counts.converged) << tolerance;
      EXPECT_GE(run.counts.iterations, before) << tolerance;
      before = run.counts.iterations;
    }
    EXPECT_EQ(bench.run<SketchPrecondition>(refined(unknown_index, "sketch", 1e-4)).counts.refinements_used, 0);
  });
}

/// Right sides travel in the same messages: as many iterations as the slowest of them alone.
TEST_P(Preconditioned, RightSidesShareTheIterations) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = graded(1e4);
    const Index one = DrawBench<double>(comm, spec).run<SketchPrecondition>({}).counts.iterations;
    for (const double ridge : {0.0, 1e-3, 10.0}) {
      spec.rhs = 7;
      spec.ridge = ridge;
      const auto run = DrawBench<double>(comm, spec).run<SketchPrecondition>({});
      EXPECT_LE(run.counts.iterations, one + 4) << ridge;
      EXPECT_LE(run.quality.error, 1e-12) << ridge;
      EXPECT_LE(run.quality.backward_error, 1e-14) << ridge;
    }
  });
}

TEST_P(Preconditioned, SinglePrecisionReachesItsOwnRounding) {
  on_ranks([](const Communicator& comm) {
    for (const Index rhs : {1, 3}) {
      LeastSquaresSpec spec = graded(100);
      spec.rhs = rhs;
      const auto run = DrawBench<float>(comm, spec).run<SketchPrecondition>({});
      EXPECT_LE(run.quality.backward_error, 16 * 0x1p-24);
      EXPECT_FALSE(run.counts.converged);  // 1e-12 lies below the rounding of X: no promise, and it says so
      EXPECT_THAT(run.promise.reason, testing::HasSubstr("rounding level"));
    }
  });
}

/// Without noise there is no residual to be relative to: the answer is exact to rounding, and nothing is promised.
TEST_P(Preconditioned, ConsistentSystemsAreSolvedToRounding) {
  on_ranks([](const Communicator& comm) {
    const auto run = DrawBench<double>(comm, graded(1e4, 0)).run<SketchPrecondition>({});
    EXPECT_LE(run.quality.backward_error, 1e-15);
    EXPECT_LE(run.quality.residual, 1e-14);
  });
}

TEST_P(Preconditioned, PromisesNothingWhenItHasNotConverged) {
  on_ranks([](const Communicator& comm) {
    SketchPreconditionParams params = refined(0);
    params.max_iterations = 3;
    const auto run = DrawBench<double>(comm, graded(1e4)).run<SketchPrecondition>(params);
    EXPECT_EQ(run.counts.iterations, 3);
    EXPECT_FALSE(run.counts.converged);
    EXPECT_EQ(run.promise.kind, Promise::Kind::none);
    EXPECT_THAT(run.promise.reason, testing::HasSubstr("not reached after 3 iterations"));
  });
}

TEST_P(Preconditioned, SaysWhenTheSketchIsNoSmallerThanTheData) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, draw_spec(200, 10));
    const auto reason = [&](Index rows) {
      SketchPreconditionParams params;
      params.sketch_rows = rows;
      return bench.run<SketchPrecondition>(params).promise.reason;
    };
    EXPECT_EQ(reason(192), "");
    EXPECT_EQ(reason(200), "no fewer rows are kept than there are: no saving, use an exact method");
  });
}

/// 12 rows into 10 buckets, one entry each: no triangle to divide by. The sketch's answer stands, and it says so.
TEST_P(Preconditioned, ASketchThatLostADirectionIsNoPreconditioner) {
  on_ranks([](const Communicator& comm) {
    SketchPreconditionParams params;
    params.sketch_rows = 10;
    params.nonzeros = 1;
    const auto run = DrawBench<double>(comm, draw_spec(12, 10)).run<SketchPrecondition>(params);
    EXPECT_LT(run.counts.pivots_used, 10);
    EXPECT_EQ(run.counts.iterations, 0);
    EXPECT_TRUE(std::isfinite(run.quality.error));
    EXPECT_THAT(run.promise.reason, testing::HasSubstr("no preconditioner"));
  });
}

TEST(PreconditionedOptions, AreRefusedByName) {
  const LeastSquaresSpec spec = draw_spec(100, 10);
  const auto refusal = [&](const SketchPreconditionParams& params) -> std::string {
    try {
      SketchPrecondition<double>::validate(spec, SketchPrecondition<double>::normalised(params));
    } catch (const BadRequest& error) {
      return error.what();
    }
    return "";
  };
  SketchPreconditionParams params;
  EXPECT_EQ(refusal(params), "");
  EXPECT_NO_THROW(SketchPrecondition<double>::validate(
      draw_spec(100, 1), SketchPrecondition<double>::normalised(params)));  // 4 d rows hold no 8 nonzeros
  params.sketch_rows = 9;
  EXPECT_EQ(refusal(params), "sketch-rows must be at least d = 10, got 9");
  params = {};
  params.refinements = -2;
  EXPECT_EQ(refusal(params), "refinements must be at least 0, got -2");
  params = {};
  params.max_iterations = 0;
  EXPECT_EQ(refusal(params), "max-iterations must be at least 1, got 0");
  params = {};
  params.start = "ones";
  EXPECT_THAT(refusal(params), testing::HasSubstr("start must be sketch or zero"));
  params = {};
  params.tolerance = -1;
  EXPECT_EQ(refusal(params), "tolerance must lie in (0, 1), got -1");
}

INSTANTIATE_TEST_SUITE_P(LeastSquares, Preconditioned, testing::Values(1, 2, 7), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
