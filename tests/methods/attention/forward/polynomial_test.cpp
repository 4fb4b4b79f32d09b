#include <gmock/gmock.h>

#include <map>
#include <optional>

#include "methods/attention/forward/certificate.hpp"
#include "numerics/monomials.hpp"
#include "support/attention_runs.hpp"
#include "support/on_ranks.hpp"

// The polynomial method against attention through the same polynomial, and its certificate against its error. That
// phi(q)^T W phi(k) = p(s <q, k>) is tested where phi is made: tests/numerics/monomials_test.cpp.
namespace breakeven::testing_support {
namespace {

using attention::Certificate;
using attention::certify;
using attention::DataRange;

using PolynomialRuns = OnRanks;
class CertificateGrid : public OnRanks {};

constexpr const char* all_coefficients[] = {"taylor", "chebyshev", "minimax"};

ForwardSpec spec_of(Index n, const std::string& data, double bound, bool causal) {
  ForwardSpec spec;
  spec.n = n;
  spec.d = 3;
  spec.data = data;
  spec.bound = bound;
  spec.causal = causal;
  return spec;
}

/// Mean key of each slice, or zeros.
std::vector<double> shift_of(const AttentionData& data, bool centre) {
  std::vector<double> shift(static_cast<std::size_t>(data.k.slices() * data.k.columns()), 0);
  for (Index slice = 0; centre && slice < data.k.slices(); ++slice)
    for (Index j = 0; j < data.k.rows(); ++j)
      for (Index c = 0; c < data.k.columns(); ++c)
        shift[static_cast<std::size_t>(slice * data.k.columns() + c)] +=
            data.k(slice, j, c) / static_cast<double>(data.k.rows());
  return shift;
}

/// What the method must observe, by a loop of its own.
DataRange range_of(const AttentionData& data, bool centre) {
  const std::vector<double> shift = shift_of(data, centre);
  DataRange range;
  double largest_value = 0;
  for (Index slice = 0; slice < data.q.slices(); ++slice) {
    double query = 0, key = 0;
    for (Index i = 0; i < data.q.rows(); ++i) {
      double q2 = 0, k2 = 0;
      for (Index c = 0; c < data.q.columns(); ++c) {
        const double k = data.k(slice, i, c) - shift[static_cast<std::size_t>(slice * data.k.columns() + c)];
        q2 += data.q(slice, i, c) * data.q(slice, i, c);
        k2 += k * k;
      }
      query = std::max(query, q2), key = std::max(key, k2);
    }
    range.score_radius = std::max(range.score_radius, data.spec.scale_factor() * std::sqrt(query * key));
    for (Index c = 0; c < data.v.columns(); ++c) {
      double least = INFINITY, most = -INFINITY;
      for (Index i = 0; i < data.v.rows(); ++i)
        least = std::min(least, data.v(slice, i, c)), most = std::max(most, data.v(slice, i, c));
      range.value_spread = std::max(range.value_spread, most - least);
      largest_value = std::max({largest_value, most, -least});
    }
  }
  range.value_spread /= largest_value;
  return range;
}

TEST_P(PolynomialRuns, IsAttentionThroughThatPolynomial) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {4, 23})  // empty ranks; uneven blocks
      for (const bool causal : {false, true})
        for (const bool centre : {false, true})
          for (const char* coefficients : all_coefficients)
            for (const Index degree : {0, 1, 2, 5}) {
              ForwardSpec spec = spec_of(n, "aligned", 0.8, causal);
              spec.heads = 2;
              const AttentionData data = AttentionData::generated(spec);
              const DataRange range = range_of(data, centre);
              const ExpPolynomial p = exp_polynomial(coefficients_from_text(coefficients), degree, range.score_radius);
              if (!(p.relative_error < 0.9)) continue;  // denominators near 0 amplify rounding without limit
              const Setting method = polynomial(of_degree(degree, coefficients, centre));
              EXPECT_LE(largest_difference(method.run(comm, data, Precision::f64).o,
                                           defined_attention(data, p, shift_of(data, centre))),
                        rounding(Precision::f64, method, spec, range.score_radius) / (1 - p.relative_error))
                  << method.name << " n=" << n << (causal ? " causal" : "");
            }
  });
}

/// The certificate's inequality on every run of a grid; a share of certified ones that says the test is not empty.
TEST_P(CertificateGrid, CertificateHoldsOnEveryRun) {
  on_ranks([](const Communicator& comm) {
    int certified = 0, runs = 0;
    for (const char* data_name : {"uniform", "aligned"})
      for (const double bound : {0.25, 1.0, 2.0})
        for (const bool causal : {false, true}) {
          const AttentionData data = AttentionData::generated(spec_of(40, data_name, bound, causal));
          for (const char* coefficients : all_coefficients)
            for (const Index degree : {0, 1, 2, 4, 7})
              for (const bool centre : {false, true})
                for (const Precision precision : {Precision::f32, Precision::f64}) {
                  const Setting method = polynomial(of_degree(degree, coefficients, centre));
                  const AttentionRun run = method.run(comm, data, precision);
                  const std::string where = method.name + " " + to_text(precision) + " " + data_name + " bound " +
                                            to_text(Value(bound)) + (causal ? " causal" : "");
                  ++runs;
                  EXPECT_EQ(run.promise.metric, "error_max") << where;
                  if (run.promise.kind == Promise::Kind::none) {
                    EXPECT_THAT(run.promise.reason, testing::HasSubstr("score radius")) << where;
                    continue;
                  }
                  ++certified;
                  EXPECT_LE(run.quality.error_max, run.promise.bound) << where;
                  EXPECT_EQ(run.quality.denominators_not_positive, 0) << where;
                  EXPECT_GT(run.quality.denominator_min, 0) << where;
                }
        }
    EXPECT_GE(2 * certified, runs);
    EXPECT_LT(certified, runs);  // and bounds where nothing can be said are among them
  });
}

/// Rows are looked at while they are summed, a tile at a time, and by a rank that sums nothing all the same.
TEST_P(PolynomialRuns, CertifiesTheRangeOfAllRows) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true})
      for (const bool centre : {false, true})
        for (const char* coefficients :
             {"taylor", "minimax"}) {  // the ranges are looked at during the work, and before
          ForwardSpec spec = spec_of(1500, "uniform", 0.5, causal);
          spec.heads = 2;
          const AttentionData data = AttentionData::generated(spec);
          const AttentionRun run = polynomial(of_degree(3, coefficients, centre)).run(comm, data, Precision::f64);
          const double roundoff = 0.5 * std::numeric_limits<double>::epsilon();
          const double expected =
              certify(coefficients_from_text(coefficients), 3, 20, range_of(data, centre), roundoff).bound;
          EXPECT_NEAR(run.promise.bound, expected, 1e-12 * expected) << coefficients << (causal ? ", causal" : "");
        }
  });
}

/// The bound is no excuse to be far off: on data that attain the score radius it is within a factor of the error.
TEST_P(PolynomialRuns, CertificateIsNotIdle) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(40, "aligned", 0.7, false));
    for (const Index degree : {2, 4, 6}) {
      const AttentionRun run = polynomial(of_degree(degree)).run(comm, data, Precision::f64);
      EXPECT_LE(run.promise.bound, 200 * run.quality.error_max) << degree;
    }
  });
}

/// Not g to g + 1: odd and even degrees err in different ways.
TEST_P(PolynomialRuns, ErrorFallsFromDegreeToDegreePlusTwo) {
  on_ranks([](const Communicator& comm) {
    for (const char* data_name : {"uniform", "aligned"})
      for (const bool causal : {false, true})
        for (const char* coefficients : all_coefficients)
          for (const Precision precision : {Precision::f32, Precision::f64}) {
            const AttentionData data = AttentionData::generated(spec_of(40, data_name, 0.8, causal));
            std::map<Index, double> error;
            for (Index degree = 0; degree <= 10; ++degree) {
              const Setting method = polynomial(of_degree(degree, coefficients));
              error[degree] = method.run(comm, data, precision).quality.error;
              if (degree < 2) continue;
              const double floor = rounding(precision, method, data.spec, data.spec.score_bound());
              EXPECT_LE(error[degree], std::max(0.5 * error[degree - 2], floor))
                  << method.name << " " << data_name << " " << to_text(precision);
            }
          }
  });
}

Index degree_used(const AttentionRun& run) {
  return std::get<Index>(*find(run.counts, "degree_used"));
}

/// The definition of `--tolerance`, searched by hand.
TEST_P(PolynomialRuns, ToleranceTakesTheSmallestCertifiedDegree) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true})
      for (const double bound : {0.3, 1.0})
        for (const char* coefficients : all_coefficients)
          for (const double tolerance : {0.5, 1e-1, 1e-3, 1e-6, 1e-10}) {
            const AttentionData data = AttentionData::generated(spec_of(30, "uniform", bound, causal));
            const AttentionRun run = polynomial(of_tolerance(tolerance, coefficients)).run(comm, data, Precision::f64);
            Index expected = 0;
            const auto bound_of = [&](Index degree) {
              return certify(coefficients_from_text(coefficients), degree, *monomial_count(3, degree),
                             range_of(data, false), 0x1p-53)
                  .bound;
            };
            while (bound_of(expected) > tolerance) ++expected;
            EXPECT_EQ(degree_used(run), expected) << coefficients << " " << tolerance;
            EXPECT_EQ(std::get<Index>(*find(run.counts, "features")), *monomial_count(3, expected));
            EXPECT_EQ(run.promise.kind, Promise::Kind::certified);
            EXPECT_LE(run.promise.bound, tolerance);
            EXPECT_LE(run.quality.error_max, tolerance);
          }
  });
}

TEST_P(PolynomialRuns, ToleranceOutOfReachIsNoPromise) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(30, "uniform", 1, false));
    // 20 features in 3 dimensions: degree 3 at most
    const AttentionRun few = polynomial(of_tolerance(1e-8, "taylor", 20)).run(comm, data, Precision::f64);
    EXPECT_EQ(few.promise.kind, Promise::Kind::none);
    EXPECT_THAT(few.promise.reason,
                testing::MatchesRegex("no degree within max-features certifies tolerance 1e-08 at score radius "
                                      "[0-9.]+; degree 3 is used"));
    EXPECT_EQ(degree_used(few), 3);
    // below float32's rounding no degree helps
    const AttentionRun rounded = polynomial(of_tolerance(1e-12, "minimax")).run(comm, data, Precision::f32);
    EXPECT_EQ(rounded.promise.kind, Promise::Kind::none);
    EXPECT_LE(rounded.quality.error_max, 1e-4);  // it is still the best it could do
  });
}

/// An uncertified run is computed and counted, and says which degree would do.
TEST_P(PolynomialRuns, LargeScoresAreReportedNotRefused) {
  on_ranks([](const Communicator& comm) {
    ForwardSpec spec = spec_of(40, "aligned", 3, false);
    const AttentionData data = AttentionData::generated(spec);
    const AttentionRun run = polynomial(of_degree(1)).run(comm, data, Precision::f64);
    EXPECT_EQ(run.promise.kind, Promise::Kind::none);
    EXPECT_THAT(run.promise.reason, testing::MatchesRegex("score radius 15.5885 is not certified at degree 1 \\(up to "
                                                          "[0-9.]+\\)(; degree [0-9]+ would do)?"));
    const AttentionRun negative = polynomial(of_degree(3)).run(comm, data, Precision::f64);
    // p(-R) < 0 for odd Taylor degrees at R = 15.6: as many bad rows as the definition has
    const ExpPolynomial p = exp_polynomial(Coefficients::taylor, 3, 1);
    Index bad = 0;
    double smallest = INFINITY;
    for (Index i = 0; i < 40; ++i) {
      double denominator = 0;
      for (Index j = 0; j < 40; ++j) {
        double score = 0;
        for (Index c = 0; c < 3; ++c) score += data.q(0, i, c) * data.k(0, j, c);
        denominator += p(spec.scale_factor() * score);
      }
      bad += denominator > 0 ? 0 : 1;
      smallest = std::min(smallest, denominator / 40);
    }
    EXPECT_EQ(negative.quality.denominators_not_positive, bad);
    EXPECT_NEAR(negative.quality.denominator_min, smallest, 1e-10 * std::abs(smallest));
  });
}

/// One key with score -1 and p(s) = 1 + s: the normaliser is exactly 0, the answer 0 / 0. Counted, and no small error.
TEST_P(PolynomialRuns, ANormaliserOfZeroIsCounted) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true}) {
      ForwardSpec spec = spec_of(1, "uniform", 1, causal);
      spec.d = 1;
      spec.scale = "1";
      AttentionData data(spec);
      data.q(0, 0, 0) = 1, data.k(0, 0, 0) = -1, data.v(0, 0, 0) = 1;
      const AttentionRun run = polynomial(of_degree(1)).run(comm, data, Precision::f64);
      EXPECT_EQ(run.quality.denominators_not_positive, 1);
      EXPECT_EQ(run.quality.denominator_min, 0);
      EXPECT_EQ(run.quality.error_max, INFINITY);
      EXPECT_EQ(run.promise.kind, Promise::Kind::none);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Forward, PolynomialRuns, testing::Values(1, 3, 7), rank_count_name);
// Hundreds of runs: once, with communication and uneven blocks.
INSTANTIATE_TEST_SUITE_P(Forward, CertificateGrid, testing::Values(3), rank_count_name);

std::string refusal(const attention::PolynomialParams& params, Index d = 3) {
  ForwardSpec spec;
  spec.d = d;
  try {
    attention::Polynomial<double>::validate(spec, attention::Polynomial<double>::normalised(params));
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "accepted";
}

TEST(PolynomialOptions, AreRefusedWithOptionBoundAndValue) {
  attention::PolynomialParams both = of_degree(3);
  both.tolerance = 1e-3;
  EXPECT_THAT(refusal(both), testing::HasSubstr("degree and tolerance exclude each other"));
  EXPECT_THAT(refusal(both), testing::HasSubstr("got degree 3 and tolerance 0.001"));
  EXPECT_EQ(refusal(of_tolerance(0, "taylor")), "tolerance must be positive, got 0");
  EXPECT_EQ(refusal(of_tolerance(INFINITY, "taylor")), "tolerance must be positive, got inf");
  EXPECT_EQ(refusal(of_degree(-2)), "degree must be at least 0, got -2");
  EXPECT_EQ(refusal(of_tolerance(1e-3, "taylor", 0)), "max-features must be at least 1, got 0");
  EXPECT_THAT(refusal(of_degree(3, "lagrange")), testing::HasSubstr("lagrange"));
  EXPECT_EQ(refusal(of_degree(5), 64),
            "degree must keep t = C(d + degree, degree) at most max-features = 65536, got degree 5 at d = 64, t = "
            "11238513");
  EXPECT_THAT(refusal(of_degree(64), 64), testing::HasSubstr("t = more than 2^63"));
  EXPECT_EQ(refusal({}), "accepted");
  EXPECT_EQ(attention::Polynomial<double>::normalised({}).degree, 4);
}

}  // namespace
}  // namespace breakeven::testing_support
