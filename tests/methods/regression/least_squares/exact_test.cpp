#include <gmock/gmock.h>

#include "comm/agree.hpp"
#include "numerics/small_dense.hpp"
#include "support/least_squares_runs.hpp"
#include "support/on_ranks.hpp"

// What mathematics says of exact least squares, of methods that know nothing of the oracle.
namespace breakeven::testing_support {
namespace {

using testing::HasSubstr;
using ExactLeastSquares = OnRanks;

constexpr double u = 0x1p-53;
constexpr const char* data_kinds[] = {"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"};

TEST_P(ExactLeastSquares, RecoverAPlantedAnswer) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(300, 8);
    spec.noise = 0;
    spec.rhs = 2;
    const LeastSquaresData data = LeastSquaresData::generated(spec);
    const regression::GeneratedSource<double> source(spec, 1);
    const std::span<const double> planted = source.planted();
    for (const LeastSquaresMethod& method : exact_methods()) {
      const Array<double> x = method.run(comm, data, Precision::f64).x;
      double largest = 0;
      for (Index i = 0; i < x.size(); ++i)
        largest = std::max(largest, std::abs(x.data()[i] - planted[static_cast<std::size_t>(i)]));
      EXPECT_LE(largest, 64 * u * norm(x)) << method.name;  // condition about 1.4
    }
  });
}

TEST_P(ExactLeastSquares, SolveSquareSystems) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresData data(least_squares_spec(2, 2, "file"));
    const double a[] = {3, 1, 1, 2}, b[] = {5, 5};  // X = (1, 2)'
    std::copy_n(a, 4, data.a.data());
    std::copy_n(b, 2, data.b.data());
    for (const LeastSquaresMethod& method : exact_methods()) {
      const Array<double> x = method.run(comm, data, Precision::f64).x;
      EXPECT_NEAR(x(0, 0, 0), 1, 64 * u) << method.name;
      EXPECT_NEAR(x(0, 1, 0), 2, 64 * u) << method.name;
    }
  });
}

/// As many columns as an identity matrix below the data: ridge is that and nothing else.
TEST_P(ExactLeastSquares, TakeTheRidgeForRowsOfTheirOwn) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(40, 5);
    spec.rhs = 2;
    spec.ridge = 4;
    const LeastSquaresData with_ridge = LeastSquaresData::generated(spec);
    spec.n = 45;
    spec.ridge = 0;
    LeastSquaresData stacked(spec);
    std::copy(with_ridge.a.span().begin(), with_ridge.a.span().end(), stacked.a.data());
    std::copy(with_ridge.b.span().begin(), with_ridge.b.span().end(), stacked.b.data());
    for (Index i = 0; i < 5; ++i) stacked.a(0, 40 + i, i) = 2;
    for (const LeastSquaresMethod& method : exact_methods()) {
      const Array<double> x = method.run(comm, with_ridge, Precision::f64).x;
      EXPECT_LE(norm(minus(x, method.run(comm, stacked, Precision::f64).x)), 64 * u * norm(x)) << method.name;
    }
  });
}

TEST_P(ExactLeastSquares, ShrinkWithTheRidgeAndReachLeastSquaresWithoutIt) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(60, 6, "correlated");
    const LeastSquaresData plain = LeastSquaresData::generated(spec);
    for (const LeastSquaresMethod& method : exact_methods()) {
      const Array<double> least_squares = method.run(comm, plain, Precision::f64).x;
      double before = norm(least_squares);
      for (const double ridge : {1e-12, 1e-2, 1.0, 1e2, 1e4}) {
        LeastSquaresData data = plain;
        data.spec.ridge = ridge;
        const Array<double> x = method.run(comm, data, Precision::f64).x;
        EXPECT_LT(norm(x), before * (ridge < 1e-6 ? 1 + 64 * u : 1)) << method.name << " ridge " << ridge;
        // d X / d ridge = -(A'A + ridge I)^-1 X; singular values here are above 1.
        if (ridge < 1e-6) {
          EXPECT_LE(norm(minus(x, least_squares)), 2 * ridge * norm(x)) << method.name;
        }
        before = norm(x);
      }
      EXPECT_LT(before, 0.1 * norm(least_squares)) << method.name;
    }
  });
}

TEST_P(ExactLeastSquares, OfTheTreeIsTheTriangleOfQr) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresSpec spec = least_squares_spec(700, 9, "student_t");
    spec.rhs = 2;
    const LeastSquaresData data = LeastSquaresData::generated(spec);
    const LeastSquaresMemory<double> source(data);
    const LeastSquaresProblem<double> problem(spec, source, Layout::contiguous(spec.n, comm.size()), comm.rank());
    regression::TreeQr<double> tree(comm, spec);
    Array<double> x;
    tree.solve(problem, "tsqr", x);
    // Unique by its positive diagonal: LAPACK's of all rows at once is the same.
    const Array<double> expected = qr_upper(data.a);
    EXPECT_LE(norm(minus(tree.r(), expected)), 64 * u * norm(expected));
    for (Index i = 0; i < 9; ++i) {
      EXPECT_GT(tree.r()(0, i, i), 0);
      for (Index j = 0; j < i; ++j) EXPECT_EQ(tree.r()(0, i, j), 0);
    }
  });
}

/// The promise: at rounding level whatever the condition, whatever the size of the residual.
TEST_P(ExactLeastSquares, OfStableMethodsHaveABackwardErrorOfRoundingAtEveryCondition) {
  on_ranks([](const Communicator& comm) {
    for (const double condition : {1.0, 1e4, 1e7, 1e8, 1e10, 1e12})
      for (const double noise : {0.0, 1e-8, 0.1, 10.0}) {
        LeastSquaresSpec spec = graded_spec(600, 16, condition, noise);
        const LeastSquaresData data = LeastSquaresData::generated(spec);
        for (const LeastSquaresMethod& method : stable_methods()) {
          const LeastSquaresRun run = method.run(comm, data, Precision::f64);
          EXPECT_LE(run.quality.backward_error, 1e-14) << method.name << " " << condition << " " << noise;
          EXPECT_LE(run.quality.backward_error, run.promise.bound) << method.name << " " << condition << " " << noise;
        }
      }
  });
}

TEST_P(ExactLeastSquares, KeepTheirPromiseInSinglePrecisionOnAllData) {
  on_ranks([](const Communicator& comm) {
    for (const char* kind : data_kinds)
      for (const double condition : {1.0, 1e2, 1e3, 1e4}) {
        if (condition != 1 && std::string(kind) != "graded") continue;
        LeastSquaresSpec spec = least_squares_spec(600, 12, kind);
        spec.condition = condition;
        const LeastSquaresData data = LeastSquaresData::generated(spec);
        for (const LeastSquaresMethod& method : stable_methods()) {
          const LeastSquaresRun run = method.run(comm, data, Precision::f32);
          EXPECT_LE(run.quality.backward_error, run.promise.bound) << method.name << " " << kind << " " << condition;
          EXPECT_EQ(run.promise.metric, "backward_error");
        }
      }
  });
}

/// At 1e8, condition^2 u = 1: rounding decides whether A'A has a factor. If it has, the answer is as bad.
TEST_P(ExactLeastSquares, ByNormalEquationsLoseWhatTheirHeaderSays) {
  on_ranks([](const Communicator& comm) {
    for (const double condition : {1e7, 1e8})
      for (const double noise : {1e-8, 0.1}) {
        const LeastSquaresData data = LeastSquaresData::generated(graded_spec(600, 16, condition, noise));
        const LeastSquaresRun stable = solve<double, regression::Tsqr>(comm, data);
        try {
          const LeastSquaresRun normal = solve<double, regression::NormalEquations>(comm, data);
          EXPECT_GT(normal.quality.backward_error, 1e3 * stable.quality.backward_error) << condition << " " << noise;
          EXPECT_GT(normal.quality.error, 1e3 * stable.quality.error) << condition << " " << noise;
          EXPECT_EQ(normal.promise.kind, Promise::Kind::none);
          EXPECT_THAT(normal.promise.reason, HasSubstr("grows like the condition number"));
        } catch (const CollectiveError& error) {  // on all ranks
          EXPECT_EQ(condition, 1e8);
          EXPECT_THAT(error.what(), HasSubstr("not positive definite to working precision"));
        }
      }
  });
}

/// The number between two texts of a message.
double number_between(const std::string& message, const std::string& before, const std::string& after) {
  const std::size_t begin = message.find(before) + before.size(), end = message.find(after, begin);
  return end == std::string::npos ? NAN : std::stod(message.substr(begin, end - begin));
}

TEST_P(ExactLeastSquares, ByNormalEquationsNameALowerBoundOfTheConditionThatTheyFailAt) {
  on_ranks([](const Communicator& comm) {
    const auto estimate_at = [&](double condition, Precision precision) {
      const LeastSquaresData data = LeastSquaresData::generated(graded_spec(600, 16, condition));
      std::string message;
      try {
        if (precision == Precision::f64)
          solve<double, regression::NormalEquations>(comm, data);
        else
          solve<float, regression::NormalEquations>(comm, data);
      } catch (const CollectiveError& error) {
        message = error.what();
      }
      EXPECT_THAT(message, HasSubstr(", or use tsqr")) << condition;
      return number_between(message, "condition number, at least ", " by the pivots of A'A");
    };
    for (const double condition : {1e9, 1e10, 1e12}) {
      EXPECT_LE(estimate_at(condition, Precision::f64), condition);
      // A pivot is known to (16 + 8) u of its diagonal entry, which is 1 / 16 of the largest or more for mixed columns.
      EXPECT_GE(estimate_at(condition, Precision::f64), 0.9 / std::sqrt(24 * u)) << "two digits, rounded down";
    }
    EXPECT_GE(estimate_at(1e6, Precision::f32), 0.9 / std::sqrt(24 * 0x1p-24));
    EXPECT_LE(estimate_at(1e6, Precision::f32), 1e6);
  });
}

TEST_P(ExactLeastSquares, HaveAConditionNoSmallerThanTheirPivotsSay) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 1) return;
    for (const double condition : {1.0, 1e2, 1e4, 1e6}) {
      const LeastSquaresData data = LeastSquaresData::generated(graded_spec(600, 16, condition));
      const double by_pivots = regression::condition_from_pivots(product_transposed_left(data.a, data.a));
      EXPECT_LE(by_pivots, condition * (1 + 1e4 * u * condition)) << "600 terms of A'A, relative to its smallest pivot";
      EXPECT_GE(by_pivots, condition / 16) << "no further than a factor of d off";
    }
    Array<double> gram(1, 2, 2);  // of columns of lengths 1 and 1e-3 that are orthogonal
    gram(0, 0, 0) = 1, gram(0, 1, 1) = 1e-6;
    EXPECT_NEAR(regression::condition_from_pivots(gram), 1e3, 1e-9);
    gram(0, 0, 0) = gram(0, 0, 1) = gram(0, 1, 0) = gram(0, 1, 1) = 1;  // one column twice
    EXPECT_NEAR(regression::condition_from_pivots(gram) * std::sqrt(10 * u), 1, 1e-12);
  });
}

TEST_P(ExactLeastSquares, FallBackToTsqrAndSaySo) {
  on_ranks([](const Communicator& comm) {
    const LeastSquaresData data = LeastSquaresData::generated(graded_spec(600, 16, 1e10));
    const Array<double> by_tsqr = solve<double, regression::Tsqr>(comm, data).x;
    for (const LeastSquaresMethod& method : stable_methods()) {
      const LeastSquaresRun run = method.run(comm, data, Precision::f64);
      if (method.name == "tsqr") continue;
      EXPECT_TRUE(run.fell_back()) << method.name;
      EXPECT_THAT(run.promise.reason, HasSubstr("fell back to tsqr: A'A is not positive definite")) << method.name;
      EXPECT_EQ(norm(minus(run.x, by_tsqr)), 0) << method.name;
    }
    const LeastSquaresRun easy =
        solve<double, regression::RefinedGram>(comm, LeastSquaresData::generated(graded_spec(600, 16, 1e4)));
    EXPECT_FALSE(easy.fell_back());
    EXPECT_EQ(easy.promise.reason, "");
    EXPECT_EQ(std::get<Index>(*find(easy.counts, "refinements")), 1);
  });
}

/// Gram matrices of conditions just below 1 / u have a factor that is of no use: the other guards must see it.
TEST_P(ExactLeastSquares, OfRefinedGramAreGuardedByConditionAndStepRatio) {
  on_ranks([](const Communicator& comm) {
    bool by_condition = false;
    for (const double condition : {1e7, 2e7, 4e7, 8e7, 1e8})
      for (const double noise : {1e-8, 0.1}) {
        const LeastSquaresData data = LeastSquaresData::generated(graded_spec(600, 16, condition, noise));
        const LeastSquaresRun run = solve<double, regression::RefinedGram>(comm, data);
        by_condition = by_condition || run.promise.reason.find("condition estimate") != std::string::npos;
        EXPECT_LE(run.quality.backward_error, 1e-14) << condition;
        EXPECT_EQ(run.fell_back(), !run.promise.reason.empty());
      }
    EXPECT_TRUE(by_condition);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, ExactLeastSquares, contract_ranks(), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
