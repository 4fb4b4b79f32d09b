#include "methods/regression/least_squares/leverage.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"
#include "support/least_squares_draws.hpp"
#include "support/least_squares_runs.hpp"
#include "support/on_ranks.hpp"

// What mathematics says of leverage scores and of samples drawn by them.
namespace breakeven {
namespace {

using regression::LeastSquaresProblem;
using regression::Leverage;
using regression::LeverageParams;
using regression::RowSampling;
using regression::SampledRow;
using regression::sampling_rate;
using regression::score_directions;
using testing_support::draw_spec;
using testing_support::DrawBench;

using LeverageRuns = testing_support::OnRanks;   // on every rank count
using LeverageDraws = testing_support::OnRanks;  // statistics over draws

/// Scores of the rows of A against a triangle.
std::vector<double> scores_of(const Array<double>& a, const Array<double>& r, Index directions = 0, Index draw = 1) {
  const Array<double> z = score_directions(r, directions, draw);
  std::vector<double> scores(static_cast<std::size_t>(a.rows()));
  squared_row_norms(a.data(), a.rows(), a.columns(), z.data(), z.columns(), scores.data());
  return scores;
}

/// Scores of all rows against the triangle of A itself.
std::vector<double> exact_scores(const DrawBench<double>& bench, Index directions, Index draw) {
  return scores_of(bench.problem().a, bench.reference().r, directions, draw);
}

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

TEST_P(LeverageDraws, ExactScoresSumToD) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "cauchy", "spike", "graded"}) {
      const DrawBench<double> bench(comm, draw_spec(500, 8, data));
      const std::vector<double> scores = exact_scores(bench, 0, 1);
      // R carries condition u of rounding, graded data a condition of 1e4; 500 terms.
      EXPECT_NEAR(sum(scores), 8, 1e4 * 500 * 0x1p-53) << data;
      for (const double score : scores) EXPECT_LE(score, 1 + 1e4 * 500 * 0x1p-53) << data;
    }
  });
}

/// A C has the range of A, and scores are a property of the range.
TEST_P(LeverageDraws, ExactScoresDoNotChangeWhenColumnsAreMixed) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 8;
    Array<double> c(1, d, d);
    for (Index i = 0; i < c.size(); ++i) c.data()[i] = Philox(9, Stream{1}).normal(i);
    for (const char* data : {"gaussian", "cauchy", "spike"}) {
      const DrawBench<double> bench(comm, draw_spec(500, d, data));
      const Array<double> mixed = product(bench.problem().a, c), r = qr_upper(mixed);
      const std::vector<double> scores = exact_scores(bench, 0, 1), of_mixed = scores_of(mixed, r);
      for (std::size_t i = 0; i < scores.size(); ++i)
        EXPECT_NEAR(of_mixed[i], scores[i], 64 * 0x1p-53 / reciprocal_condition(r)) << data << " " << i;
    }
  });
}

/// Against the triangle of [A; sqrt(ridge) I] they add up to sum s^2 / (s^2 + ridge), s as graded data have them. Those
/// of the method have the triangle of a sketch of 64 rows: three times sqrt(2 / 64) where a single s decides.
TEST_P(LeverageDraws, RidgeScoresSumToTheStatisticalDimension) {
  on_ranks([](const Communicator& comm) {
    auto spec = draw_spec(500, 8, "graded");
    spec.condition = 1e3;
    LeverageParams params;
    params.directions = 0;
    for (const double ridge : {1e-2, 1.0, 1e2, 1e4}) {
      spec.ridge = ridge;
      double dimension = 0;
      for (Index j = 0; j < 8; ++j) {
        const double square = 500 * std::pow(spec.condition, -2.0 * static_cast<double>(j) / 7);
        dimension += square / (square + ridge);
      }
      const DrawBench<double> bench(comm, spec);
      EXPECT_NEAR(sum(exact_scores(bench, 0, 1)), dimension, 1e3 * 500 * 0x1p-53) << ridge;
      EXPECT_NEAR(bench.run<Leverage>(params).counts.score_sum, dimension, 0.55 * dimension) << ridge;
    }
  });
}

/// |a R^-1 G|^2 has the mean |a R^-1|^2 and the relative variance 2 / directions.
TEST_P(LeverageDraws, EstimatedScoresAreUnbiased) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, draw_spec(50, 8));
    constexpr Index draws = 300, directions = 16;
    const std::vector<double> exact = exact_scores(bench, 0, 1);
    std::vector<double> total(exact.size(), 0);
    for (Index draw = 1; draw <= draws; ++draw) {
      const std::vector<double> scores = exact_scores(bench, directions, draw);
      for (std::size_t i = 0; i < scores.size(); ++i) total[i] += scores[i];
    }
    for (std::size_t i = 0; i < exact.size(); ++i)
      EXPECT_NEAR(total[i] / draws / exact[i], 1, 5 * std::sqrt(2.0 / (directions * draws))) << i;
  });
}

TEST_P(LeverageRuns, TheRateKeepsTheRowsAskedForOnAverage) {
  on_ranks([](const Communicator& comm) {
    // Scores that halve: the first are sure at any rate asked for here, and each round makes more of them so.
    const Range mine = block(60, comm.size(), comm.rank());
    std::vector<double> scores;
    for (Index i = mine.begin; i < mine.end; ++i) scores.push_back(i < 40 ? std::ldexp(1, -static_cast<int>(i)) : 0.0);
    for (const double rows : {1.0, 3.5, 20.0, 39.0}) {
      const auto found = sampling_rate(comm, std::span<const double>(scores), rows);
      double expected = 0;
      for (const double score : scores) expected += RowSampling{found.rate, 1}.probability(score);
      EXPECT_NEAR(comm.all_reduce(expected), rows, 60 * 0x1p-52 * rows);
      EXPECT_EQ(found.rows_scored, 60);
    }
    const auto all = sampling_rate(comm, std::span<const double>(scores), 60);
    EXPECT_EQ(all.rate, std::numeric_limits<double>::infinity());
    EXPECT_EQ((RowSampling{all.rate, 1}.probability(1e-300)), 1);
    EXPECT_EQ((RowSampling{all.rate, 1}.probability(0)), 0);  // infinity times 0 is no number
  });
}

/// The rows kept by each rank, one after the other, are those that one rank alone keeps.
TEST_P(LeverageRuns, SampleIsTheSameOnEveryRankCount) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "spike", "student_t"})
      for (const char* sampling : {"leverage", "uniform"}) {
        const auto spec = draw_spec(3000, 9, data);
        LeverageParams params;
        params.sampling = sampling;
        params = Leverage<double>::normalised(params);
        const auto kept_by = [&](const Communicator& ranks) {
          const auto source = LeastSquaresProblem<double>::generate(spec, 1);
          const LeastSquaresProblem<double> problem(spec, *source, Layout::contiguous(spec.n, ranks.size()),
                                                    ranks.rank());
          Leverage<double> method(ranks, spec, params);
          method.run(problem);
          std::vector<Index> rows;
          for (const SampledRow& row : method.kept()) rows.push_back(row.i_global);
          return rows;
        };
        std::vector<Index> alone(static_cast<std::size_t>(spec.n), 0);  // 1 where kept
        if (const auto one = comm.first(1))
          for (const Index i : kept_by(*one)) alone[static_cast<std::size_t>(i)] = 1;
        comm.all_reduce(std::span<Index>(alone));
        const Range mine = block(spec.n, comm.size(), comm.rank());
        std::vector<Index> expected;
        for (Index i = mine.begin; i < mine.end; ++i)
          if (alone[static_cast<std::size_t>(i)] == 1) expected.push_back(i);
        EXPECT_EQ(kept_by(comm), expected) << data << " " << sampling;
        EXPECT_GE(std::count(alone.begin(), alone.end(), 1), 100);  // of about 290 asked for
      }
  });
}

/// Row i is a copy of row i mod 17: one score for all copies and so one weight, in other blocks and on other ranks too.
TEST_P(LeverageRuns, CopiesOfARowHaveTheSameScore) {
  on_ranks([](const Communicator& comm) {
    constexpr Index n = 1003, d = 9, originals = 17;
    testing_support::LeastSquaresData data(draw_spec(n, d, "file"));
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < d; ++c) data.a(0, i, c) = Philox(9, Stream{1}).normal(i % originals, c);
    const testing_support::LeastSquaresMemory<double> source(data);
    const LeastSquaresProblem<double> problem(data.spec, source, Layout::contiguous(n, comm.size()), comm.rank());
    for (const Index directions : {0, 16}) {
      LeverageParams params;
      params.directions = directions;
      params.sample_rows = 500;
      Leverage<double> method(comm, data.spec, params);
      method.run(problem);
      std::vector<double> least(originals, std::numeric_limits<double>::infinity()), most(originals, 0);
      for (const SampledRow& row : method.kept()) {
        const auto original = static_cast<std::size_t>(row.i_global % originals);
        least[original] = std::min(least[original], row.scale);
        most[original] = std::max(most[original], row.scale);
      }
      comm.all_reduce(std::span<double>(least), Reduction::minimum);
      comm.all_reduce(std::span<double>(most), Reduction::maximum);
      for (std::size_t i = 0; i < originals; ++i)
        EXPECT_LE(most[i], least[i] * (1 + 64 * 0x1p-53)) << i << " directions " << directions;
      EXPECT_GT(*std::max_element(most.begin(), most.end()), 1) << "some row is not sure";
    }
  });
}

/// E[B'B] = A'A, entry by entry, with five standard deviations estimated from the rows kept.
TEST_P(LeverageDraws, ScaledSamplesAreUnbiased) {
  on_ranks([](const Communicator& comm) {
    constexpr Index n = 400, d = 5, draws = 200;
    for (const char* sampling : {"leverage", "uniform"}) {
      const DrawBench<double> bench(comm, draw_spec(n, d, "student_t"));
      const Array<double>& a = bench.problem().a;
      LeverageParams params;
      params.sampling = sampling;
      params.sample_rows = 60;
      params = Leverage<double>::normalised(params);
      Array<double> total(1, d, d), variance(1, d, d);
      double kept = 0;
      for (params.draw = 1; params.draw <= draws; ++params.draw) {
        Leverage<double> method(comm, bench.spec(), params);
        method.run(bench.problem());
        kept += static_cast<double>(method.kept().size());
        for (const SampledRow& row : method.kept())
          for (Index i = 0; i < d; ++i)
            for (Index j = 0; j < d; ++j) {
              const double weight = row.scale * row.scale, entry = a(0, row.i_global, i) * a(0, row.i_global, j);
              total(0, i, j) += weight * entry;
              variance(0, i, j) += weight * (weight - 1) * entry * entry;
            }
      }
      EXPECT_NEAR(kept / draws, 60, 5 * std::sqrt(60.0 / draws)) << sampling;  // a sum of coins varies by less than 60
      const Array<double> gram = product_transposed_left(a, a);
      for (Index i = 0; i < d; ++i)
        for (Index j = 0; j < d; ++j)
          EXPECT_NEAR(total(0, i, j) / draws, gram(0, i, j), 5 * std::sqrt(variance(0, i, j)) / draws)
              << sampling << " " << i << " " << j;
    }
  });
}

/// R X = Q'B of the rows that kept() names, each times its scale; rows of zeros stand for the others.
TEST_P(LeverageRuns, TheAnswerIsThatOfTheScaledRowsItKept) {
  on_ranks([](const Communicator& comm) {
    constexpr Index n = 500, d = 6;
    const DrawBench<double> bench(comm, draw_spec(n, d, "student_t"));
    const LeastSquaresProblem<double>& problem = bench.problem();
    for (const char* sampling : {"leverage", "uniform"}) {
      LeverageParams params;
      params.sampling = sampling;
      params.sample_rows = 100;
      Leverage<double> method(comm, bench.spec(), Leverage<double>::normalised(params));
      const Array<double>& x = method.run(problem).x;
      Array<double> scaled(1, n, d + 1);
      for (const SampledRow& row : method.kept()) {
        const Index i = row.i_global - problem.first_row;
        for (Index c = 0; c < d; ++c) scaled(0, row.i_global, c) = row.scale * problem.a(0, i, c);
        scaled(0, row.i_global, d) = row.scale * problem.b(0, i, 0);
      }
      comm.all_reduce(scaled.span());
      const Array<double> r = qr_upper(scaled);
      for (Index i = 0; i < d; ++i) {
        double left = 0;
        for (Index c = i; c < d; ++c) left += r(0, i, c) * x(0, c, 0);
        EXPECT_NEAR(left, r(0, i, d), 64 * 0x1p-53 * testing_support::norm(scaled)) << sampling << " " << i;
      }
    }
  });
}

/// All leverage lies in the first seventh of the rows: on one rank of seven or fewer.
testing_support::LeastSquaresData concentrated(Index n, Index d, double elsewhere) {
  auto data = testing_support::LeastSquaresData::generated(draw_spec(n, d, "gaussian", 2));
  for (Index i = (n + 6) / 7; i < n; ++i) {
    for (Index c = 0; c < d; ++c) data.a(0, i, c) *= elsewhere;
    for (Index j = 0; j < 2; ++j) data.b(0, i, j) *= elsewhere;
  }
  return data;
}

TEST_P(LeverageRuns, ShareOutTheRowsThatOneRankKept) {
  on_ranks([](const Communicator& comm) {
    constexpr Index n = 3500, d = 120;
    LeverageParams params;
    params.sample_rows = 400;
    const auto data = concentrated(n, d, 1e-6);
    const testing_support::LeastSquaresMemory<double> source(data);
    const auto run = [&](const Communicator& ranks) {
      const LeastSquaresProblem<double> problem(data.spec, source, Layout::contiguous(n, ranks.size()), ranks.rank());
      Leverage<double> method(ranks, data.spec, params);
      const Traffic before = ranks.traffic();
      const Array<double> x = method.run(problem).x;
      const Traffic::Entry gathered = (ranks.traffic() - before)[Operation::all_gather];
      const Index kept = method.counts().rows_kept, words = ranks.size() + kept * (d + 2);
      EXPECT_EQ(method.counts().rebalanced, ranks.size() > 1);
      EXPECT_EQ(ranks.all_reduce(gathered.bytes), 8 * (ranks.size() > 1 ? words : 1)) << "of all ranks together";
      const Schedule schedule =
          Leverage<double>::schedule(data.spec, params, method.counts(), ranks.size(), ranks.rank());
      EXPECT_EQ(gathered.calls, std::count_if(schedule.steps().begin(), schedule.steps().end(), [](const Step& step) {
                  return step.operation == Operation::all_gather;
                }));
      EXPECT_EQ(method.factored(), block(kept, ranks.size(), ranks.rank()).size());
      EXPECT_EQ(static_cast<Index>(method.kept().size()), ranks.rank() == 0 ? kept : 0);
      return x;
    };
    const Array<double> x = run(comm);
    if (const auto alone = comm.first(1)) {
      const Array<double> same = run(*alone);
      EXPECT_LE(testing_support::norm(testing_support::minus(x, same)), 1e-13 * testing_support::norm(same));
    }
  });
}

/// Where nothing is to be gained, no row travels.
TEST_P(LeverageRuns, LeaveRowsWhereTheyAreIfTheyAreSpreadOrShort) {
  on_ranks([](const Communicator& comm) {
    EXPECT_FALSE(DrawBench<double>(comm, draw_spec(3500, 120)).run<Leverage>({}).counts.rebalanced);
    const auto few_columns = testing_support::solve<double, Leverage>(comm, concentrated(3500, 40, 1e-6));
    EXPECT_FALSE(std::get<bool>(*find(few_columns.counts, "rebalanced")));
  });
}

TEST_P(LeverageRuns, AllRowsGiveTheExactAnswer) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, draw_spec(200, 6, "student_t", 2));
    LeverageParams params;
    params.sample_rows = 200;
    const auto run = bench.run<Leverage>(params);
    EXPECT_EQ(run.counts.rows_kept, 200);
    EXPECT_EQ(run.counts.rows_scored, 200);
    EXPECT_EQ(run.counts.rounds, 0);
    EXPECT_LE(run.quality.error, 0x1p-53);  // quadratic in the rounding of R X
  });
}

TEST_P(LeverageRuns, SayWhenEveryRowIsKept) {
  on_ranks([](const Communicator& comm) {
    LeverageParams params;
    const auto reason_at = [&](Index n) {
      const auto run = DrawBench<double>(comm, draw_spec(n, 6)).run<Leverage>(params);
      EXPECT_EQ(run.promise.kind, Promise::Kind::probable);
      EXPECT_EQ(run.counts.rows_kept == n, !run.promise.reason.empty());
      return run.promise.reason;
    };
    EXPECT_EQ(reason_at(600), "");
    EXPECT_EQ(reason_at(100), "no fewer rows are kept than there are: no saving, use an exact method");
  });
}

/// The scores' sum is d k / (k - d - 1) against a Gaussian sketch of k = 4 d rows; OSNAP and 16 directions come close.
TEST_P(LeverageRuns, CountsWhatItDid) {
  on_ranks([](const Communicator& comm) {
    const DrawBench<double> bench(comm, draw_spec(4000, 20));
    const auto run = bench.run<Leverage>({});
    EXPECT_EQ(run.counts.rows_scored, 4000);
    EXPECT_NEAR(static_cast<double>(run.counts.rows_kept), 576, 5 * std::sqrt(576.0));  // k = 2.88 d / 0.1, coins
    EXPECT_NEAR(run.counts.score_sum, 20 * 80.0 / 59, 0.3 * 20);
    EXPECT_EQ(run.counts.pivots_used, 20);
    LeverageParams uniform;
    uniform.sampling = "uniform";
    const auto plain = bench.run<Leverage>(uniform);
    EXPECT_EQ(plain.counts.rows_scored, 0);
    EXPECT_EQ(plain.promise.kind, Promise::Kind::none);
    EXPECT_THAT(plain.promise.reason, testing::HasSubstr("uniform sampling misses heavy rows"));
    LeverageParams few;
    few.sample_rows = 80;
    EXPECT_THAT(bench.run<Leverage>(few).promise.reason,
                testing::HasSubstr("tolerance 0.1 takes 576 sample-rows, got 80"));
  });
}

TEST(LeverageOptions, AreRefusedByName) {
  const auto spec = draw_spec(100, 10);
  const auto refusal = [&](const LeverageParams& params) -> std::string {
    try {
      Leverage<double>::validate(spec, params);
    } catch (const BadRequest& error) {
      return error.what();
    }
    return "";
  };
  LeverageParams params;
  EXPECT_EQ(refusal(params), "");
  params.sample_rows = 9;
  EXPECT_EQ(refusal(params), "sample-rows must be at least d = 10, got 9");
  params = {};
  params.tolerance = 0;
  EXPECT_EQ(refusal(params), "tolerance must lie in (0, 1), got 0");
  params = {};
  params.directions = -2;
  EXPECT_EQ(refusal(params), "directions must lie between 0 and 1024, got -2");
  params = {};
  params.sampling = "length";
  EXPECT_THAT(refusal(params), testing::HasSubstr("sampling must be leverage or uniform"));
}

INSTANTIATE_TEST_SUITE_P(LeastSquares, LeverageRuns, testing_support::contract_ranks(),
                         testing_support::rank_count_name);
INSTANTIATE_TEST_SUITE_P(LeastSquares, LeverageDraws, testing::Values(1), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
