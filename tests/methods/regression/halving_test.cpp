#include <gmock/gmock.h>

#include <cmath>

#include "methods/regression/kronecker_regression/quantum.hpp"
#include "methods/regression/kronecker_spectral/quantum.hpp"
#include "methods/regression/least_squares/quantum.hpp"
#include "methods/regression/whitened_error.hpp"
#include "support/kronecker_runs.hpp"
#include "support/least_squares_draws.hpp"
#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// Repeated halving: what it finds, of one matrix and of the factors of a product, and what is told of it.
namespace breakeven::testing_support {
namespace {

using Halving = OnRanks;
using regression::HalvingSpec;
using regression::RepeatedHalving;
namespace spectral = regression::kronecker_spectral;
using Problem = KroneckerSpectralProblem<double>;

/// The rows of `a` that this rank has.
Array<double> share_of(const Communicator& comm, const Array<double>& a) {
  const Range mine = block(a.rows(), comm.size(), comm.rank());
  Array<double> rows(1, mine.size(), a.columns());
  std::copy_n(a.row(0, mine.begin), rows.size(), rows.data());
  return rows;
}

HalvingSpec halving_spec(Index n, Index d, double oversampling, Index draw, double ridge = 0) {
  HalvingSpec spec;
  spec.n = n, spec.d = d, spec.oversampling = oversampling, spec.draw = draw, spec.ridge = ridge;
  spec.level_stream = Stream{320}, spec.coin_stream = Stream{321};  // as in least squares
  return spec;
}

TEST(WhitenedError, IsTheLargestEigenvalueOfTheDifferenceInTheCoordinatesOfQ) {
  const Array<double> a = KroneckerData::generated(kronecker_spec(50, 4, "student_t")).a1;
  const Array<double> b = KroneckerData::generated(kronecker_spec(50, 4), 7).a1;
  const Array<double> r = qr_upper(a), s = qr_upper(b);
  Array<double> whitened = b;
  solve_upper_from_right(r, whitened.data(), whitened.rows());
  Array<double> difference = product_transposed_left(whitened, whitened);
  for (Index i = 0; i < 4; ++i) difference(0, i, i) -= 1;
  const std::vector<double> values = symmetric_eigenvalues(difference);
  EXPECT_NEAR(regression::whitened_error(s, r), std::max(values.back(), -values.front()), 1e-12);
  EXPECT_LE(regression::whitened_error(r, r), 1e-14);
  Array<double> half = r;
  for (double& entry : half.span()) entry /= 2;
  EXPECT_NEAR(regression::whitened_error(half, r), 0.75, 1e-14) << "too little counts as much as too much";
  half(0, 1, 2) = NAN;
  EXPECT_EQ(regression::whitened_error(half, r), INFINITY);
}

/// Scores against half of the rows overestimate, so that about 2 c d ln d rows are kept, and twice as many at twice the
/// oversampling, which halves the square of the error: about 2 sqrt(d / rows) (Marchenko and Pastur 1967).
TEST_P(Halving, KeepsAConstantFactorMoreThanTrueScoresWould) {
  on_ranks([](const Communicator& comm) {
    constexpr Index n = 16384, d = 10;
    for (const char* data : {"gaussian", "student_t"}) {
      const Array<double> a = KroneckerData::generated(kronecker_spec(n, d, data, d, 1)).a1;
      const Array<double> mine = share_of(comm, a), r = qr_upper(a);
      for (const double oversampling : {2.0, 8.0}) {
        double overshoot = 0, error = 0;
        constexpr int draws = 5;
        for (Index draw = 1; draw <= draws; ++draw) {
          RepeatedHalving<double> halving(comm, halving_spec(n, d, oversampling, draw));
          regression::QueryLedger ledger(draw);
          halving.run(mine, ledger);
          overshoot += halving.steps().overshoot / draws;
          error += regression::whitened_error(halving.r(), r) / draws;
        }
        const double rows = overshoot * oversampling * std::log(10.0) * d;
        EXPECT_GT(overshoot, 1.2) << data;
        EXPECT_LT(overshoot, 2.5) << data;
        EXPECT_GT(error, 2 * std::sqrt(d / rows) / 2) << data << " " << oversampling;
        EXPECT_LT(error, 2 * std::sqrt(d / rows) * 1.5) << data << " " << oversampling;
      }
    }
  });
}

Value quality_of(const Communicator& comm, const std::string& problem, const Assignment& spec,
                 const std::string& method, const std::string& name, const Assignment& params = {}) {
  const MethodRun run = run_method(comm, registry(), "regression", problem, spec, {method, params}, Precision::f64);
  const Value* value = find(run.quality, name);
  return value != nullptr ? *value : *find(run.counts, name);
}

TEST_P(Halving, ItsErrorIsToldBesideTheAnswer) {
  on_ranks([](const Communicator& comm) {
    const auto told = [&](const std::string& problem, const Assignment& spec, const std::string& method,
                          const char* name) { return std::get<double>(quality_of(comm, problem, spec, method, name)); };
    for (const double ridge : {0.0, 500.0}) {
      const DrawBench<double> bench(comm, [&] {
        LeastSquaresSpec spec = draw_spec(4000, 6, "student_t");
        spec.ridge = ridge;
        return spec;
      }());
      RepeatedHalving<double> halving(comm, halving_spec(4000, 6, 2, 1, ridge));
      regression::QueryLedger ledger(1);
      halving.run(bench.problem().a, ledger);
      const auto run = bench.run<regression::Quantum>({});
      EXPECT_EQ(run.quality.halving_error, regression::whitened_error(halving.r(), bench.reference().r)) << ridge;
      EXPECT_GT(run.quality.halving_error, 0.05) << ridge;
      EXPECT_EQ(run.counts.overshoot, halving.steps().overshoot);
    }
    // No level: A itself is read, and B_0 is all of it.
    const Assignment few{{"n", Index{50}}, {"d", Index{6}}, {"ridge", 2.0}};
    EXPECT_LE(told("least_squares", few, "quantum", "halving_error"), 1e-13);
    EXPECT_TRUE(std::isnan(told("least_squares", few, "quantum", "halving_overshoot")));
    EXPECT_TRUE(std::isnan(told("least_squares", few, "tsqr", "halving_error"))) << "it halves nothing";

    for (const char* problem : {"kronecker_spectral", "kronecker_regression"}) {
      const Assignment spec{{"n", Index{3000}}, {"n2", Index{20}}, {"d", Index{4}}, {"d2", Index{2}}};
      const auto sizes = kronecker_spec(3000, 4, "gaussian", 20, 2);
      const auto source = Problem::generate(sizes, 1);
      const auto r = Problem::reference(comm.duplicate(), sizes, *source, 1).r;
      HalvingSpec first = halving_spec(3000, 4, 2, 1);
      first.level_stream = Stream{330}, first.coin_stream = Stream{332};
      RepeatedHalving<double> halving(comm, first);
      regression::QueryLedger ledger(1);
      halving.run(share_of(comm, source->rows("a1", 0, {0, 3000})), ledger);
      EXPECT_EQ(told(problem, spec, "quantum", "halving_error"), regression::whitened_error(halving.r(), r[0]))
          << problem << ": of A2 all rows are read";
      EXPECT_EQ(told(problem, spec, "quantum", "halving_overshoot"), halving.steps().overshoot) << problem;
      EXPECT_TRUE(std::isnan(told(problem, spec, "qr_factors", "halving_error"))) << problem;
    }
  });
}

/// Of the rows that halving keeps; and the sample that scores them, of more rows, is near the factor in every draw.
TEST_P(Halving, TheMeanOfManyHalvingsIsTheGramMatrix) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 2) return;
    constexpr Index n = 2000, d = 3, draws = 200, wanted = 24;
    constexpr double oversampling = 20;
    for (const char* data : {"gaussian", "student_t"}) {
      const auto spec = kronecker_spec(n, d, data);
      const auto source = Problem::generate(spec, 3);
      const auto inverse = regression::inverse_of_upper(Problem::reference(comm, spec, *source, 1).r[0]);
      const Array<double> whole = source->rows("a1", 0, {0, n});
      const Array<double> mine = source->rows("a1", 0, block(n, comm.size(), comm.rank()));
      Array<double> mean(1, d, d), square(1, d, d);
      for (Index draw = 1; draw <= draws; ++draw) {
        regression::FactorHalving<double> halving(comm, n, d, 0, oversampling, draw);
        regression::QueryLedger ledger(draw);
        halving.run(mine, wanted, ledger);
        const Array<double> kept = breakeven::product(halving.rows().rows, inverse);
        const Array<double> gram = product_transposed_left(kept, kept);
        for (Index i = 0; i < gram.size(); ++i) {
          mean.data()[i] += gram.data()[i] / draws;
          square.data()[i] += gram.data()[i] * gram.data()[i] / draws;
        }
        // At least 20 d ln d = 66 rows: 1 / (1 - sqrt(d / 66))^2 = 1.6 is the law (Marchenko and Pastur 1967).
        const Array<double> scored = breakeven::product(whole, halving.rows().whitener);
        EXPECT_LE(symmetric_eigenvalues(product_transposed_left(scored, scored)).back(), 2.5) << data << " " << draw;
      }
      for (Index p = 0; p < d; ++p)
        for (Index q = 0; q < d; ++q) {
          const double variance = std::max(square(0, p, q) - mean(0, p, q) * mean(0, p, q), 1e-12);
          EXPECT_NEAR(mean(0, p, q), p == q ? 1 : 0, 5 * std::sqrt(variance / draws)) << data << " " << p << " " << q;
        }
    }
  });
}

TEST_P(Halving, QuantumKeepsAboutTheRowsAskedForAndCountsWhatItScored) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(3000, 4, "student_t", 2000, 3);
    const auto source = Problem::generate(spec, 3);
    const Problem problem(spec, *source, Layout::contiguous(3000, comm.size()), comm.rank());
    spectral::QuantumParams params;
    params.tolerance = 0.9;
    spectral::Quantum<double> method(comm, spec, params);
    method.run(problem);
    const auto counts = method.counts();
    const double wanted = std::ceil(16 / std::pow(std::sqrt(1.9) - 1, 2));
    EXPECT_LE(static_cast<double>(counts.rows_kept), wanted + 5 * std::sqrt(wanted));
    EXPECT_GE(static_cast<double>(counts.rows_kept), 7.0 / 8 * wanted - 5 * std::sqrt(wanted));  // the histogram's bins
    // Each factor is scored whole twice, once for level 0 and once for the last sample, and halves below: 3 n less the
    // coarsest level.
    EXPECT_GT(counts.rows_scored, Index{2} * 5000);
    EXPECT_LT(counts.rows_scored, Index{3} * 5000 + 500);
    // Its known-count queries follow pi / 2 sqrt(n k) a search, within the rounding of few iterations.
    EXPECT_GT(static_cast<double>(counts.queries_known), 0.75 * counts.search_size);
    EXPECT_LT(static_cast<double>(counts.queries_known), 2.5 * counts.search_size);
  });
}

TEST_P(Halving, QuantumPromisesNothingBelowAnOversamplingOfOne) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(3000, 4);
    const auto source = Problem::generate(spec, 3);
    const auto promise = [&](double oversampling) {
      spectral::QuantumParams params;
      params.oversampling = oversampling;
      return run_on<Problem, spectral::Quantum>(comm, *source, spec, params).promise;
    };
    EXPECT_EQ(promise(0.9).kind, Promise::Kind::none);
    EXPECT_EQ(promise(0.9).reason, "oversampling below 1 may lose directions of a factor; use at least 1");
    EXPECT_EQ(promise(1).kind, Promise::Kind::probable);
  });
}

INSTANTIATE_TEST_SUITE_P(Regression, Halving, contract_ranks(), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
