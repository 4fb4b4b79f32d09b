#include <gmock/gmock.h>

#include <numeric>
#include <set>

#include "base/statistics.hpp"
#include "methods/regression/kronecker/leverage_sampler.hpp"
#include "methods/regression/kronecker_spectral/quantum.hpp"
#include "support/kronecker_runs.hpp"
#include "support/on_ranks.hpp"

// What must hold for spectral approximations of a Kronecker product, and for the draws behind them.
namespace breakeven::testing_support {
namespace {

using Spectral = OnRanks;
using regression::LeverageSampler;
namespace spectral = regression::kronecker_spectral;
using Problem = KroneckerSpectralProblem<double>;

constexpr double eps = 0x1p-52;

KroneckerRun<Problem> pairs(const Communicator& comm, const KroneckerSpec& spec, Index samples, Index draw) {
  const auto source = Problem::generate(spec, 3);
  return run_on<Problem, spectral::LeveragePairs>(comm, *source, spec,
                                                  drawn(&spectral::LeveragePairsParams::samples, samples, draw));
}

/// |R^-T M'M R^-1 - I|_2 from matrices that were formed: the definition of the quality.
double whitened_error(const Array<double>& whole, const Array<double>& sampled) {
  Array<double> gram = product_transposed_left(sampled, sampled);
  const Array<double> r = qr_upper(whole);
  solve_upper_transposed(r, gram);  // R^-T G
  Array<double> left(1, gram.columns(), gram.rows());
  for (Index i = 0; i < gram.rows(); ++i)
    for (Index j = 0; j < gram.columns(); ++j) left(0, j, i) = gram(0, i, j);
  solve_upper_transposed(r, left);
  const std::vector<double> values = symmetric_eigenvalues(left);
  return std::max(1 - values.front(), values.back() - 1);
}

TEST(KroneckerProduct, HasTheProductsOfLeverageScoresWhichAddUpToItsColumns) {
  for (const char* data : {"gaussian", "cauchy", "spike"}) {
    const auto generated = KroneckerData::generated(kronecker_spec(12, 4, data, 9, 3));
    const auto scores = [](const Array<double>& a) {
      Array<double> q(1, a.columns(), a.rows());  // (A R^-1)'
      for (Index i = 0; i < a.rows(); ++i)
        for (Index c = 0; c < a.columns(); ++c) q(0, c, i) = a(0, i, c);
      const Array<double> r = qr_upper(a);
      solve_upper_transposed(r, q);
      std::vector<double> sums(static_cast<std::size_t>(a.rows()), 0);
      for (Index i = 0; i < a.rows(); ++i)
        for (Index c = 0; c < a.columns(); ++c) sums[static_cast<std::size_t>(i)] += q(0, c, i) * q(0, c, i);
      return std::pair{sums, 1 / reciprocal_condition(r)};
    };
    const auto [first, condition1] = scores(generated.a1);
    const auto [second, condition2] = scores(generated.a2);
    const auto [whole, condition12] = scores(generated.product());
    const double rounding = 64 * eps * condition12;  // sums of 12 terms; triangles are known to eps times the condition
    for (std::size_t i = 0; i < first.size(); ++i)
      for (std::size_t j = 0; j < second.size(); ++j)
        EXPECT_NEAR(whole[i * second.size() + j], first[i] * second[j], rounding) << data;
    EXPECT_NEAR(std::accumulate(whole.begin(), whole.end(), 0.0), 12, 108 * rounding) << data;
  }
}

TEST_P(Spectral, ImplicitQualityEqualsThatOfFormedMatrices) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t"}) {
      const auto spec = kronecker_spec(60, 3, data, 11, 2);
      const Array<double> whole = KroneckerData::generated(spec, 3).product();
      const auto source = Problem::generate(spec, 3);
      const auto reference = Problem::reference(comm, spec, *source, 1);
      const double tolerance = 1e-12;  // oracle 9: 660 rows of condition near 1

      const KroneckerRun<Problem> run = pairs(comm, spec, 50, 1);
      Array<double> rows(1, 50, 6);
      const Range mine = block(50, comm.size(), comm.rank());
      for (Index l = 0; l < mine.size(); ++l)
        for (Index p = 0; p < 3; ++p)
          for (Index q = 0; q < 2; ++q)
            rows(0, mine.begin + l, 2 * p + q) = run.solution.parts[0](0, l, p) * run.solution.parts[1](0, l, q);
      comm.all_reduce(rows.span());
      EXPECT_NEAR(run.quality.error, whitened_error(whole, rows), tolerance);

      const auto sketch = run_on<Problem, spectral::ProductSketch>(
          comm, *source, spec, drawn(&spectral::ProductSketchParams::rows, 20, 1), reference);
      const Array<double> product = KroneckerData{sketch.solution.parts[0], sketch.solution.parts[1], {}}.product();
      EXPECT_NEAR(sketch.quality.error, whitened_error(whole, product), 10 * tolerance);
    }
  });
}

TEST_P(Spectral, QrOfTheFactorsIsExact) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t", "cauchy", "spike", "correlated"}) {
      const auto spec = kronecker_spec(300, 6, data, 500, 5);
      const auto source = Problem::generate(spec, 3);
      const auto reference = Problem::reference(comm, spec, *source, 1);
      for (const char* triangle : {"tsqr", "cholesky"}) {
        const auto run = run_on<Problem, spectral::QrFactors>(comm, *source, spec, {triangle}, reference);
        const double condition_of_both = condition(reference.r);
        // tsqr: rounding times condition; Gram matrices square it.
        const double tolerance =
            64 * eps * (std::string(triangle) == "tsqr" ? condition_of_both : std::pow(condition_of_both, 2));
        EXPECT_LE(run.quality.error, tolerance) << data << " " << triangle;
      }
    }
  });
}

TEST_P(Spectral, PairsFollowTheLawOfTwiceTheRootOfColumnsOverSamples) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 2) return;  // the draws are the same on every rank count
    for (const auto& [n, d, samples] : {std::tuple{512, 4, 400}, {512, 4, 1600}, {600, 6, 1200}, {300, 8, 4096}}) {
      std::vector<double> errors;
      for (Index draw = 1; draw <= 9; ++draw)
        errors.push_back(pairs(comm, kronecker_spec(n, d), samples, draw).quality.error);
      const double law = 2 * std::sqrt(static_cast<double>(d * d) / samples);
      EXPECT_GT(median(errors), 0.65 * law) << n << " " << d << " " << samples;
      EXPECT_LT(median(errors), 1.35 * law) << n << " " << d << " " << samples;
    }
  });
}

TEST_P(Spectral, ProbableBoundsHoldInNineteenOfTwentyDrawsOnEveryKindOfData) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 1) return;
    for (const char* data : {"gaussian", "student_t", "cauchy", "spike", "correlated"}) {
      const auto spec = kronecker_spec(400, 4, data);
      const auto source = Problem::generate(spec, 3);
      const auto reference = Problem::reference(comm, spec, *source, 1);
      int broken = 0;
      for (Index draw = 1; draw <= 20; ++draw) {
        const auto judge = [&](const KroneckerRun<Problem>& run) {
          EXPECT_EQ(run.promise.kind, Promise::Kind::probable);
          broken += run.quality.error <= run.promise.bound ? 0 : 1;
        };
        judge(run_on<Problem, spectral::LeveragePairs>(
            comm, *source, spec, drawn(&spectral::LeveragePairsParams::samples, 300, draw), reference));
        judge(run_on<Problem, spectral::ProductSketch>(
            comm, *source, spec, drawn(&spectral::ProductSketchParams::rows, 100, draw), reference));
        spectral::ProductSketchParams osnap = drawn(&spectral::ProductSketchParams::rows, 104, draw);
        osnap.sketch = "osnap";
        judge(run_on<Problem, spectral::ProductSketch>(comm, *source, spec, osnap, reference));
        spectral::QuantumParams quantum;
        quantum.draw = draw;
        judge(run_on<Problem, spectral::Quantum>(comm, *source, spec, quantum, reference));
      }
      EXPECT_LE(broken, 4) << data;  // 5 % of 80 draws
    }
  });
}

TEST_P(Spectral, AProductsErrorIsThatOfBothFactorsTogether) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(200, 4, "student_t");
    const auto source = Problem::generate(spec, 3);
    const auto reference = Problem::reference(comm, spec, *source, 1);
    for (const char* sketch : {"leverage", "osnap", "count"}) {
      spectral::ProductSketchParams params = drawn(&spectral::ProductSketchParams::rows, 128, 4);
      params.sketch = sketch;
      auto run = run_on<Problem, spectral::ProductSketch>(comm, *source, spec, params, reference);
      const Problem problem(spec, *source, Layout::contiguous(200, comm.size()), comm.rank());
      std::array<double, 2> each{};
      for (const std::size_t factor : {0u, 1u}) {  // the other factor exact
        KroneckerSpectralSolution<double> one = run.solution;
        one.parts[1 - factor] = reference.r[1 - factor];
        each[factor] = Problem::quality(comm, reference, problem, one).error;
      }
      EXPECT_LE(run.quality.error, (1 + each[0]) * (1 + each[1]) - 1 + 1e-12) << sketch;
      EXPECT_GT(run.quality.error, std::max(each[0], each[1]) - 1e-12) << sketch;
    }
  });
}

/// As many pairs as rows of each factor take as many numbers, and the product comes nearer: at d = d2 and k of both the
/// laws are 2 d / sqrt(k) and less than 4 sqrt(d / k).
TEST_P(Spectral, AtEqualStorageAProductIsNearerThanPairs) {
  on_ranks([](const Communicator& comm) {
    constexpr Index k = 1200;
    const auto spec = kronecker_spec(400, 9, "student_t");
    const auto source = Problem::generate(spec, 3);
    const auto reference = Problem::reference(comm, spec, *source, 1);
    std::vector<double> of_pairs, of_products;
    for (Index draw = 1; draw <= 5; ++draw) {
      const auto as_pairs = run_on<Problem, spectral::LeveragePairs>(
          comm, *source, spec, drawn(&spectral::LeveragePairsParams::samples, k, draw), reference);
      const auto as_product = run_on<Problem, spectral::ProductSketch>(
          comm, *source, spec, drawn(&spectral::ProductSketchParams::rows, k, draw), reference);
      EXPECT_EQ(as_pairs.quality.storage, k * (9 + 9));
      EXPECT_EQ(as_product.quality.storage, k * (9 + 9));
      of_pairs.push_back(as_pairs.quality.error);
      of_products.push_back(as_product.quality.error);
    }
    EXPECT_GT(median(of_pairs), 1.5 * median(of_products));
    EXPECT_EQ((run_on<Problem, spectral::QrFactors>(comm, *source, spec, {"tsqr"}, reference).quality.storage), 2 * 81);
  });
}

TEST_P(Spectral, TheMeanOfManySamplesIsTheGramMatrix) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 2) return;
    const auto spec = kronecker_spec(40, 2, "cauchy");
    const auto source = Problem::generate(spec, 3);
    const auto r = Problem::reference(comm, spec, *source, 1).r;
    const auto inverse1 = regression::inverse_of_upper(r[0]), inverse2 = regression::inverse_of_upper(r[1]);
    constexpr Index draws = 200, samples = 16;
    Array<double> mean(1, 4, 4), square(1, 4, 4);
    for (Index draw = 1; draw <= draws; ++draw) {
      const auto run = run_on<Problem, spectral::LeveragePairs>(
          comm, *source, spec, drawn(&spectral::LeveragePairsParams::samples, samples, draw));
      const Array<double> left = breakeven::product(run.solution.parts[0], inverse1),
                          right = breakeven::product(run.solution.parts[1], inverse2);
      Array<double> gram(1, 4, 4);
      for (Index l = 0; l < left.rows(); ++l)
        for (Index p = 0; p < 4; ++p)
          for (Index q = 0; q < 4; ++q)
            gram(0, p, q) += left(0, l, p / 2) * right(0, l, p % 2) * left(0, l, q / 2) * right(0, l, q % 2);
      comm.all_reduce(gram.span());
      for (Index i = 0; i < 16; ++i) {
        mean.data()[i] += gram.data()[i] / draws;
        square.data()[i] += gram.data()[i] * gram.data()[i] / draws;
      }
    }
    for (Index p = 0; p < 4; ++p)
      for (Index q = 0; q < 4; ++q) {
        const double variance = std::max(square(0, p, q) - mean(0, p, q) * mean(0, p, q), 1e-12);
        EXPECT_NEAR(mean(0, p, q), p == q ? 1 : 0, 5 * std::sqrt(variance / draws)) << p << " " << q;
      }
  });
}

TEST_P(Spectral, DrawnRowsAreTheSameOnEveryRankCountAndFollowTheScores) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(37, 3, "cauchy", 5, 2);
    const auto source = Problem::generate(spec, 3);
    constexpr Index draws = 4000;
    const auto drawn_indices = [&](const Communicator& ranks) {
      const Problem problem(spec, *source, Layout::contiguous(37, ranks.size()), ranks.rank());
      LeverageSampler<double> sampler(ranks, spec, {draws, draws}, 7);
      sampler.run(problem.factors);
      std::vector<Index> indices;
      for (const int factor : {0, 1})
        for (Index l = 0; l < draws; ++l) {
          indices.push_back(sampler.index(factor, l));
          const Array<double> row = source->rows(factor == 0 ? "a1" : "a2", 0, {indices.back(), indices.back() + 1});
          EXPECT_TRUE(std::equal(row.span().begin(), row.span().end(), sampler.row(factor, l).begin()));
        }
      return indices;
    };
    const std::vector<Index> here = drawn_indices(comm);
    std::vector<Index> alone(here.size(), 0);
    if (const auto first = comm.first(1)) alone = drawn_indices(*first);
    comm.broadcast(std::span<Index>(alone));
    EXPECT_EQ(here, alone);

    const auto r = Problem::reference(comm, spec, *source, 1).r;
    const auto inverse = regression::inverse_of_upper(r[0]);
    const Array<double> q = breakeven::product(source->rows("a1", 0, {0, 37}), inverse);
    for (Index i = 0; i < 37; ++i) {
      double score = 0;
      for (Index c = 0; c < 3; ++c) score += q(0, i, c) * q(0, i, c);
      const double p = score / 3, seen = static_cast<double>(std::count(here.begin(), here.begin() + draws, i)) / draws;
      EXPECT_NEAR(seen, p, 5 * std::sqrt(p * (1 - p) / draws) + 1.0 / draws) << i;  // five standard deviations
    }
  });
}

TEST_P(Spectral, SamplesSayWhenTheyAreNoSmallerThanTheData) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(40, 3, "gaussian", 25, 2);
    const auto source = Problem::generate(spec, 3);
    const std::string note = "no fewer rows are kept than there are: no saving, use an exact method";
    EXPECT_EQ(pairs(comm, spec, 999, 1).promise.reason, "");
    EXPECT_EQ(pairs(comm, spec, 1000, 1).promise.reason, note) << "as many rows as the product has";
    for (const char* sketch : {"leverage", "osnap"}) {
      const auto reason = [&](Index rows) {
        auto params = drawn(&spectral::ProductSketchParams::rows, rows, 1);
        params.sketch = sketch;
        return run_on<Problem, spectral::ProductSketch>(comm, *source, spec, params).promise.reason;
      };
      EXPECT_EQ(reason(32), "") << sketch << ": 40 rows of A1 got fewer, if not the 25 of A2";
      EXPECT_EQ(reason(40), note) << sketch;
    }
    EXPECT_EQ((run_on<Problem, spectral::Quantum>(comm, *source, spec, {}).promise.reason), note);
    const auto large = kronecker_spec(3000, 3, "gaussian", 25, 2);
    EXPECT_EQ((run_on<Problem, spectral::Quantum>(comm, *Problem::generate(large, 3), large, {}).promise.reason), "");
  });
}

TEST_P(Spectral, SamplersCountTheFactorRowsThatTheyDrew) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(60, 3, "student_t", 45, 2);
    const auto source = Problem::generate(spec, 3);
    const Problem problem(spec, *source, Layout::contiguous(60, comm.size()), comm.rank());
    constexpr Index draws = 50;
    LeverageSampler<double> sampler(comm, spec, {draws, draws}, 1);
    sampler.run(problem.factors);
    std::set<std::pair<int, Index>> rows;
    for (const int factor : {0, 1})
      for (Index l = 0; l < draws; ++l) rows.emplace(factor, sampler.index(factor, l));
    const auto expected = static_cast<Index>(rows.size());
    spectral::LeveragePairs<double> drawn_pairs(comm, spec, drawn(&spectral::LeveragePairsParams::samples, draws, 1));
    drawn_pairs.run(problem);
    EXPECT_EQ(drawn_pairs.counts().factor_rows, expected);
    auto params = drawn(&spectral::ProductSketchParams::rows, draws, 1);
    spectral::ProductSketch<double> by_leverage(comm, spec, params);
    by_leverage.run(problem);
    EXPECT_EQ(by_leverage.counts().factor_rows, expected);
    params.sketch = "count";
    spectral::ProductSketch<double> combined(comm, spec, params);
    combined.run(problem);
    EXPECT_EQ(combined.counts().factor_rows, unknown_index) << "it draws no rows";
  });
}

TEST_P(Spectral, ANaNIsAnInfiniteError) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(20, 2);
    const auto source = Problem::generate(spec, 3);
    const auto reference = Problem::reference(comm, spec, *source, 1);
    const Problem problem(spec, *source, Layout::contiguous(20, comm.size()), comm.rank());
    for (const bool as_pairs : {false, true}) {
      KroneckerSpectralSolution<double> solution;
      solution.pairs = as_pairs;
      solution.rows = {2, 2};
      solution.parts = {reference.r[0], reference.r[1]};
      solution.parts[1](0, 1, 1) = NAN;
      EXPECT_EQ(Problem::quality(comm, reference, problem, solution).error, INFINITY);
      EXPECT_FALSE(Problem::agrees(reference, solution, solution));
    }
  });
}

TEST_P(Spectral, ADependentColumnEndsAllRanksAlike) {
  on_ranks([](const Communicator& comm) {
    auto data = KroneckerData::generated(kronecker_spec(40, 3));
    for (Index i = 0; i < 40; ++i) data.a2(0, i, 2) = 2 * data.a2(0, i, 0);
    const KroneckerMemory<double> source(data);
    const auto spec = kronecker_spec(40, 3);
    const auto message = [](const auto& call) -> std::string {
      try {
        call();
      } catch (const Error& error) {
        return error.what();
      }
      return "";
    };
    const KroneckerSpectralReference reference;
    EXPECT_THAT(message([&] { Problem::reference(comm, spec, source, 1); }),
                testing::HasSubstr("/a2 has linearly dependent columns"));
    EXPECT_THAT(message([&] { run_on<Problem, spectral::QrFactors>(comm, source, spec, {"tsqr"}, reference); }),
                testing::HasSubstr("columns of /a2 are linearly dependent"));
    EXPECT_THAT(message([&] {
                  run_on<Problem, spectral::LeveragePairs>(
                      comm, source, spec, drawn(&spectral::LeveragePairsParams::samples, 20, 1), reference);
                }),
                testing::HasSubstr("columns of /a2 are linearly dependent"));
    EXPECT_THAT(message([&] { run_on<Problem, spectral::Quantum>(comm, source, spec, {}, reference); }),
                testing::HasSubstr("of /a2 has rank 2 of 3 after 3 doublings"));
  });
}

INSTANTIATE_TEST_SUITE_P(Kronecker, Spectral, contract_ranks(), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
