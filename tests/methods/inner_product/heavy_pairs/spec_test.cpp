#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "methods/inner_product/heavy_pairs/prefix.hpp"
#include "support/heavy_pairs_runs.hpp"

namespace breakeven::inner_product {
namespace {

using testing::HasSubstr;
using testing_support::pairs_spec;

using Problem = HeavyPairsProblem<Word>;

/// The decimal that was typed decides, not the double it became: 0.55 * 100 is 55.000000000000007 in floating point.
TEST(HeavyPairsSpec, RadiusIsTheLargestDistanceOfAHeavyPair) {
  const struct {
    double rho;
    Index d, radius;
  } cases[] = {{0.9, 20, 1},  {0.7, 10, 1}, {0.55, 100, 22}, {0.3, 10, 3},  {0.3, 1024, 358}, {0.5, 512, 128},
               {0.99, 64, 0}, {0.5, 1, 0},  {0.001, 64, 31}, {0.1, 30, 13}, {0.29, 100, 35},  {0.57, 100, 21}};
  for (const auto& [rho, d, radius] : cases) EXPECT_EQ(pairs_spec(10, d, rho, 0).radius(), radius) << rho << " " << d;
}

TEST(HeavyPairsSpec, RadiusIsExactForEveryShareInHundredths) {
  for (Index d = 1; d <= 300; ++d)
    for (Index hundredths = 1; hundredths < 100; ++hundredths) {
      const Index radius = pairs_spec(10, d, static_cast<double>(hundredths) / 100, 0).radius();
      // 100 (d - 2 h) >= hundredths d, in whole numbers
      EXPECT_GE(100 * (d - 2 * radius), hundredths * d) << d << " " << hundredths;
      EXPECT_LT(100 * (d - 2 * (radius + 1)), hundredths * d) << d << " " << hundredths;
    }
}

std::string refusal(const HeavyPairsSpec& wanted) {
  try {
    Problem::validate(Problem::normalised(wanted));
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "accepted";
}

TEST(HeavyPairsSpec, RefusesWithOptionBoundAndValue) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto with = [](auto change) {
    HeavyPairsSpec spec;
    change(spec);
    return refusal(spec);
  };
  using Spec = HeavyPairsSpec;
  EXPECT_EQ(with([](Spec&) {}), "accepted");
  EXPECT_EQ(with([](Spec& s) { s.n = 0; }), "n must be at least 1, got 0");
  EXPECT_EQ(with([](Spec& s) { s.n_b = -2; }), "n-b must be at least 1, got -2");
  EXPECT_EQ(with([](Spec& s) { s.d = 0; }), "d must be at least 1, got 0");
  EXPECT_EQ(with([](Spec& s) { s.max_hits = 0; }), "max-hits must be at least 1, got 0");
  for (const double rho : {0.0, 1.0, -0.5, 2.0, std::numeric_limits<double>::infinity()})
    EXPECT_THAT(with([&](Spec& s) { s.rho = rho; }), HasSubstr("rho must be above 0 and below 1, got "));
  EXPECT_EQ(with([&](Spec& s) { s.rho = nan; }), "rho must be above 0 and below 1, got NaN");
  EXPECT_EQ(with([](Spec& s) { s.planted = -1; }), "planted must be at least 0, got -1");
  EXPECT_EQ(with([](Spec& s) { s.n = 15; }), "planted must be at most 15: no row is in two planted pairs, got 16");
  EXPECT_EQ(with([](Spec& s) { s.n_b = 3; }), "planted must be at most 3: no row is in two planted pairs, got 16");
  EXPECT_EQ(with([](Spec& s) { s.n = 31, s.self = true; }),
            "planted must be at most 15 = n / 2: no row is in two planted pairs, got 16");
  EXPECT_EQ(with([](Spec& s) { s.n_b = 100, s.self = true; }),
            "n-b must be n = 4096 where A is searched in itself, got 100");
  for (const double background : {-0.1, 1.0, nan})
    EXPECT_THAT(with([&](Spec& s) { s.data = "biased", s.background = background; }),
                HasSubstr("background must be at least 0 and below 1, got "));
  EXPECT_EQ(with([](Spec& s) { s.data = "clustered", s.clusters = 0; }), "clusters must be at least 1, got 0");
  EXPECT_THAT(with([](Spec& s) { s.n = Index{1} << 40, s.d = Index{1} << 20; }),
              HasSubstr("(n + n-b) d, the signs of the data, must be at most 2^56"));
}

std::string refusal(const HeavyPairsSpec& spec, const PrefixParams& params) {
  try {
    Prefix<Word>::validate(spec, params);
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Prefix, RefusesWithOptionBoundAndValue) {
  const HeavyPairsSpec spec = pairs_spec(10, 100, 0.5, 0);
  PrefixParams params;
  EXPECT_EQ(refusal(spec, params), "accepted");
  for (const double recall : {0.0, -1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    params.recall = recall;
    EXPECT_THAT(refusal(spec, params), HasSubstr("recall must be above 0 and at most 1, got "));
  }
  params = {};
  params.prefix_bits = 101;
  EXPECT_EQ(refusal(spec, params), "prefix-bits must be at least 0 and at most d = 100, got 101");
  params = {};
  params.draw = -1;
  EXPECT_EQ(refusal(spec, params), "draw must be at least 0, got -1");
}

/// Unused settings are no factors: two spellings of one problem are one case.
TEST(HeavyPairsSpec, LeavesOutWhatTheDataDoNotUse) {
  HeavyPairsSpec spec;
  spec.background = 0.4;
  spec.clusters = 9;
  const HeavyPairsSpec uniform = Problem::normalised(spec);
  EXPECT_TRUE(std::isnan(uniform.background));
  EXPECT_EQ(uniform.clusters, unknown_index);
  EXPECT_EQ(uniform.n_b, uniform.n);
  spec.data = "biased";
  EXPECT_EQ(Problem::normalised(spec).background, 0.4);
  EXPECT_EQ(Problem::normalised(spec).clusters, unknown_index);
  spec.data = "clustered";
  EXPECT_EQ(Problem::normalised(spec).clusters, 9);
}

}  // namespace
}  // namespace breakeven::inner_product
