#include "methods/attention/forward/generators.hpp"

#include <gmock/gmock.h>

#include "support/attention_runs.hpp"

// Synthetic data are what their header says. Shares and means may be off by six standard deviations.
namespace breakeven::testing_support {
namespace {

ForwardSpec spec_of(const std::string& data, Index n, Index d, double bound) {
  ForwardSpec spec;
  spec.n = n;
  spec.d = d;
  spec.data = data;
  spec.bound = bound;
  return spec;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double mean_square_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum / static_cast<double>(values.size());
}

void expect_uniform(std::span<const double> values, double bound) {
  const double root = std::sqrt(static_cast<double>(values.size()));
  for (const double value : values) EXPECT_LE(std::abs(value), bound);
  EXPECT_NEAR(mean_of(values) / bound, 0, 6 * std::sqrt(1.0 / 3) / root);
  EXPECT_NEAR(mean_square_of(values) / (bound * bound), 1.0 / 3, 6 * std::sqrt(4.0 / 45) / root);
}

TEST(UniformData, FillTheirRangeEvenly) {
  const AttentionData data = AttentionData::generated(spec_of("uniform", 2000, 8, 2.5));
  expect_uniform(data.q.span(), 2.5);
  expect_uniform(data.k.span(), 2.5);
  expect_uniform(data.v.span(), 1);
}

TEST(UniformData, AreIndependentMatrices) {
  const AttentionData data = AttentionData::generated(spec_of("uniform", 2000, 8, 1));
  double product = 0;
  for (Index i = 0; i < data.q.size(); ++i) product += data.q.data()[i] * data.k.data()[i];
  const auto size = static_cast<double>(data.q.size());
  EXPECT_NEAR(product / size, 0, 6 / 3.0 / std::sqrt(size));
}

TEST(UniformData, DifferBySliceAndSeed) {
  ForwardSpec spec = spec_of("uniform", 10, 3, 1);
  spec.heads = 2;
  const AttentionData data = AttentionData::generated(spec, 1), other = AttentionData::generated(spec, 2);
  EXPECT_NE(data.q(0, 0, 0), data.q(1, 0, 0));
  EXPECT_NE(data.q(0, 0, 0), other.q(0, 0, 0));
}

/// The direction u (up to its sign) from the rows themselves: rows that agree with row 0 vote for their signs.
std::vector<double> direction_of(const Array<double>& rows) {
  std::vector<double> votes(static_cast<std::size_t>(rows.columns()), 0);
  for (Index i = 0; i < rows.rows(); ++i) {
    double agreement = 0;
    for (Index c = 0; c < rows.columns(); ++c) agreement += rows(0, 0, c) * rows(0, i, c);
    for (Index c = 0; c < rows.columns(); ++c)
      votes[static_cast<std::size_t>(c)] += std::copysign(1.0, agreement) * rows(0, i, c);
  }
  for (double& vote : votes) vote = std::copysign(1.0, vote);
  return votes;
}

double along(const Array<double>& rows, Index i, const std::vector<double>& direction) {
  double sum = 0;
  for (Index c = 0; c < rows.columns(); ++c) sum += direction[static_cast<std::size_t>(c)] * rows(0, i, c);
  return sum;
}

TEST(AlignedData, FlipFifteenPercentOfTheSigns) {
  constexpr Index n = 1000, d = 64;
  constexpr double bound = 1.5;
  const AttentionData data = AttentionData::generated(spec_of("aligned", n, d, bound));
  const double deviation = std::sqrt(0.15 * 0.85 / (n * d));
  for (const Array<double>* rows : {&data.q, &data.k}) {
    const std::vector<double> direction = direction_of(*rows);
    double flipped = 0, positive_rows = 0;
    for (Index i = 0; i < n; ++i) {
      // With 64 entries a row has 32 flips or more once in 10^8: its sign is that of its product with u.
      const double sign = std::copysign(1.0, along(*rows, i, direction));
      positive_rows += sign > 0 ? 1 : 0;
      for (Index c = 0; c < d; ++c) {
        EXPECT_EQ(std::abs((*rows)(0, i, c)), bound);
        flipped += (*rows)(0, i, c) * sign * direction[static_cast<std::size_t>(c)] < 0 ? 1 : 0;
      }
    }
    EXPECT_NEAR(flipped / (n * d), 0.15, 6 * deviation);
    EXPECT_NEAR(positive_rows / n, 0.5, 6 * 0.5 / std::sqrt(double{n}));
  }
}

/// q and k share their direction, and some pair of rows agrees in every sign: the score bound scale d B^2 is reached.
TEST(AlignedData, AttainTheScoreBound) {
  for (const char* scale : {"1/d", "1/sqrt(d)"}) {
    ForwardSpec spec = spec_of("aligned", 200, 8, 1.25);
    spec.scale = scale;
    const AttentionData data = AttentionData::generated(spec);
    double largest = 0, smallest = 0;
    for (Index i = 0; i < spec.n; ++i)
      for (Index j = 0; j < spec.n; ++j) {
        double score = 0;
        for (Index c = 0; c < spec.d; ++c) score += data.q(0, i, c) * data.k(0, j, c);
        largest = std::max(largest, spec.scale_factor() * score);
        smallest = std::min(smallest, spec.scale_factor() * score);
      }
    EXPECT_NEAR(largest, spec.score_bound(), 1e-14 * spec.score_bound());
    EXPECT_NEAR(smallest, -spec.score_bound(), 1e-14 * spec.score_bound());
  }
}

/// V is half the side of its key, half noise: the mean of V answers nothing.
TEST(AlignedData, ValuesFollowTheSideOfTheirKey) {
  constexpr Index n = 1000;
  const AttentionData data = AttentionData::generated(spec_of("aligned", n, 9, 1));  // odd d: no key without a side
  const std::vector<double> direction = direction_of(data.k);
  const double orientation = std::copysign(1.0, data.v(0, 0, 0) + data.v(0, 0, 1) + data.v(0, 0, 2)) *
                             std::copysign(1.0, along(data.k, 0, direction));
  std::vector<double> noise;
  for (Index i = 0; i < n; ++i)
    for (Index c = 0; c < 9; ++c)
      noise.push_back(data.v(0, i, c) - 0.5 * orientation * std::copysign(1.0, along(data.k, i, direction)));
  expect_uniform(noise, 0.5 + 1e-15);
}

TEST(PlantedData, AreBalancedPairsAndScoresOfZero) {
  ForwardSpec spec = spec_of("planted", 64, 6, 1.5);
  spec.d_value = 3;
  const AttentionData data = AttentionData::generated(spec);
  for (Index c = 0; c < 6; ++c) {
    double sum = 0;
    for (Index j = 0; j < 64; ++j) sum += data.k(0, j, c);
    EXPECT_EQ(sum, 0);
  }
  for (Index i = 0; i < 64; ++i) {
    double sum = 0;
    for (Index c = 0; c < 6; ++c) {
      EXPECT_EQ(std::abs(data.q(0, i, c)), 1.5);
      sum += data.q(0, i, c);
    }
    EXPECT_EQ(std::abs(sum), i % 16 == 0 ? 9 : 0) << i;
    for (Index c = 0; c < 3; ++c) EXPECT_EQ(data.v(0, i, c), data.v(0, 0, c) * (i % 2 == 0 ? 1 : -1));
  }
}

std::string refusal(ForwardSpec spec) {
  try {
    ForwardProblem<double>::validate(ForwardProblem<double>::normalised(spec));
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ForwardOptions, AreRefusedWithOptionBoundAndValue) {
  const auto with = [](auto change) {
    ForwardSpec spec;
    change(spec);
    return refusal(spec);
  };
  EXPECT_EQ(with([](ForwardSpec&) {}), "accepted");
  EXPECT_EQ(with([](ForwardSpec& s) { s.n = 0; }), "n must be at least 1, got 0");
  EXPECT_EQ(with([](ForwardSpec& s) { s.d = -3; }), "d must be at least 1, got -3");
  EXPECT_EQ(with([](ForwardSpec& s) { s.d_value = -1; }), "d-value must be at least 1, got -1");
  EXPECT_EQ(with([](ForwardSpec& s) { s.heads = 0; }), "heads must be at least 1, got 0");
  EXPECT_EQ(with([](ForwardSpec& s) { s.batch = 0; }), "batch must be at least 1, got 0");
  EXPECT_EQ(with([](ForwardSpec& s) { s.bound = 0; }), "bound must be positive and finite, got 0");
  EXPECT_EQ(with([](ForwardSpec& s) { s.bound = INFINITY; }), "bound must be positive and finite, got inf");
  for (const char* scale : {"0", "-1", "1/n", "1x", "", "inf", "nan"})
    EXPECT_EQ(with([&](ForwardSpec& s) { s.scale = scale; }),
              "scale must be 1/d, 1/sqrt(d) or a positive number, got '" + std::string(scale) + "'");
  EXPECT_EQ(with([](ForwardSpec& s) { s.data = "planted", s.d = 3; }), "planted data need an even d, got 3");
  EXPECT_EQ(with([](ForwardSpec& s) { s.data = "planted", s.n = 3; }), "planted data need an even n, got 3");
}

TEST(ForwardOptions, RefuseWhatAMethodCannotDo) {
  ForwardSpec spec;
  spec.n = attention::Dense<double>::most_rows + 1;
  EXPECT_THROW(attention::Dense<double>::validate(spec, {}), BadRequest);
  spec.n = 1000, spec.d = 16, spec.scale = "1", spec.bound = 2.5;  // scores to 100: too large for f32, not for f64
  EXPECT_THROW(attention::Ring<float>::validate(spec, {"none"}), BadRequest);
  EXPECT_NO_THROW(attention::Ring<double>::validate(spec, {"none"}));
  EXPECT_NO_THROW(attention::Ring<float>::validate(spec, {"running"}));
}

}  // namespace
}  // namespace breakeven::testing_support
