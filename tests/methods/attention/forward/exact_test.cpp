#include <gmock/gmock.h>

#include "support/attention_runs.hpp"
#include "support/on_ranks.hpp"

// The exact methods against the definition, and the planted instances whose answer has a closed form.
namespace breakeven::testing_support {
namespace {

using Exact = OnRanks;

ForwardSpec spec_of(Index n, Index d, const std::string& data, double bound, const std::string& scale = "1/sqrt(d)") {
  ForwardSpec spec;
  spec.n = n;
  spec.d = d;
  spec.data = data;
  spec.bound = bound;
  spec.scale = scale;
  return spec;
}

// Fewer rows than ranks (empty blocks), a prime that no rank count divides, several tiles.
constexpr Index sizes[] = {4, 23, 300};

TEST_P(Exact, EqualsTheDefinition) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const bool causal : {false, true})
        for (const char* data_name : {"uniform", "aligned"}) {
          ForwardSpec spec = spec_of(n, 6, data_name, 1.5);
          spec.causal = causal;
          spec.d_value = 5;
          const AttentionData data = AttentionData::generated(spec);
          const Array<double> defined = exact_attention(data);
          for (const Setting& method : exact_settings()) {
            const AttentionRun run = method.run(comm, data, Precision::f64);
            EXPECT_LE(largest_difference(run.o, defined), 1e-13) << method.name << " n=" << n << " " << data_name;
            // sqrt(n) roundings of weights and the scores' own, as the methods promise
            EXPECT_LE(largest_difference(method.run(comm, data, Precision::f32).o, defined),
                      rounding(Precision::f32, method, spec, spec.score_bound()))
                << method.name << " f32 n=" << n;
            EXPECT_EQ(run.promise.kind, Promise::Kind::certified);
            EXPECT_LE(run.quality.error_max, run.promise.bound) << method.name;
            EXPECT_EQ(run.quality.denominators_not_positive, unknown_index);
          }
        }
  });
}

TEST_P(Exact, SurvivesScoresWhoseExponentialOverflows) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(23, 4, "aligned", 30));  // scores to 1800
    const std::vector<Setting> methods{setting<attention::Ring>("ring", true, {}),
                                       setting<attention::AllGather>("allgather", true, {}),
                                       setting<attention::Dense>("dense", true, {})};
    for (const Precision precision : {Precision::f32, Precision::f64})
      for (const Setting& method : methods) {
        const AttentionRun run = method.run(comm, data, precision);
        EXPECT_LE(run.quality.error_max, run.promise.bound) << method.name << " " << to_text(precision);
        EXPECT_LE(run.promise.bound, precision == Precision::f32 ? 1e-2 : 1e-10);  // a promise that says something
      }
  });
}

/// Keys s_j B (1, ..., 1) and values s_j w with n_+ positive and n_- negative signs among the keys that a row sees:
/// weight of a positive key e^(+-R) for a query +-B (1, ..., 1), 1 for the others. Without a mask: +-tanh(R) w and 0.
struct Planted {
  AttentionData data;
  double radius;

  explicit Planted(const ForwardSpec& spec) : data(AttentionData::generated(spec)), radius(spec.score_bound()) {}

  double expected(Index i, Index c, const std::function<double(double)>& weight) const {
    const ForwardSpec& spec = data.spec;
    const Index seen = spec.causal ? i + 1 : spec.n;
    const auto positive = static_cast<double>((seen + 1) / 2), negative = static_cast<double>(seen / 2);
    const double score = i % 16 == 0 ? std::copysign(radius, data.q(0, i, 0)) : 0;
    const double for_positive = positive * weight(score), for_negative = negative * weight(-score);
    return data.v(0, 0, c) * (for_positive - for_negative) / (for_positive + for_negative);
  }
};

TEST_P(Exact, FindsThePlantedAnswer) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true})
      for (const char* scale : {"1/d", "1/sqrt(d)", "0.3"})
        for (const double bound : {0.5, 1.0, 1.5}) {
          ForwardSpec spec = spec_of(50, 4, "planted", bound, scale);
          spec.causal = causal;
          const Planted planted(spec);
          for (const Setting& method : exact_settings())
            for (const Precision precision : {Precision::f32, Precision::f64}) {
              const Array<double> o = method.run(comm, planted.data, precision).o;
              for (Index i = 0; i < spec.n; ++i)
                for (Index c = 0; c < spec.d; ++c)
                  EXPECT_NEAR(o(0, i, c), planted.expected(i, c, [](double s) { return std::exp(s); }),
                              rounding(precision, method, spec, planted.radius))
                      << method.name << " row " << i;
            }
          if (causal) continue;
          EXPECT_NEAR(std::abs(planted.expected(0, 0, [](double s) { return std::exp(s); })),
                      std::tanh(spec.scale_factor() * 4 * bound * bound), 1e-15);
          EXPECT_EQ(planted.expected(1, 0, [](double s) { return std::exp(s); }), 0);
        }
  });
}

/// The same instance through p: (p(R) - p(-R)) / (p(R) + p(-R)). All rows have the norm sqrt(d) B, so the radius that
/// the method observes is R itself.
TEST_P(Exact, PolynomialFindsItsOwnPlantedAnswer) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true})
      for (const bool centre : {false, true})
        for (const char* coefficients : {"taylor", "chebyshev", "minimax"})
          for (const Index degree : {0, 1, 2, 3, 6}) {
            ForwardSpec spec = spec_of(50, 4, "planted", 0.9, "1/d");  // R = 0.81; at 1 Taylor's 1 + s has a root
            spec.causal = causal;
            const Planted planted(spec);
            const ExpPolynomial p = exp_polynomial(coefficients_from_text(coefficients), degree, planted.radius);
            const Setting method = polynomial(of_degree(degree, coefficients, centre));
            const Array<double> o = method.run(comm, planted.data, Precision::f64).o;
            for (Index i = 0; i < spec.n; ++i)
              EXPECT_NEAR(o(0, i, 2), planted.expected(i, 2, p),
                          rounding(Precision::f64, method, spec, 2 * planted.radius))
                  << method.name << " row " << i;
          }
  });
}

INSTANTIATE_TEST_SUITE_P(Forward, Exact, testing::Values(1, 2, 3, 5, 7), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
