#include "methods/inner_product/heavy_pairs/aggregate_plan.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/sizes.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Index smallest_half = 128;  // below, BLAS gains more by a larger product than the recursion saves
constexpr Index most_levels = 7;      // intermediates stay exact in float64 for every group that is let through
constexpr Index most_group = 4095;    // one feature of two groups then multiplies to less than 2^24
constexpr double most_features = 0x1p31;

double upper_tail(double z) {
  return 0.5 * std::erfc(z / std::numbers::sqrt2);
}

double wanted_features(const HeavyPairsSpec& spec, const AggregateParams& params, Index degree) {
  const double ratio =
      static_cast<double>(params.group) * params.signal / std::pow(spec.rho, static_cast<double>(degree));
  return std::ceil(ratio * ratio);
}

/// The least s with s^degree >= features, whatever rounding does to the root.
Index root_of(double features, Index degree) {
  const auto power = [&](Index s) { return std::pow(static_cast<double>(s), static_cast<double>(degree)); };
  auto s = static_cast<Index>(std::pow(features, 1 / static_cast<double>(degree)));
  while (power(s) < features) ++s;
  while (s > 1 && power(s - 1) >= features) --s;
  return s;
}

/// That asked for, or the least with which the sets fit into d; 3 if none does.
Index degree_of(const HeavyPairsSpec& spec, const AggregateParams& params) {
  if (params.degree != unknown_index) return params.degree;
  Index degree = 1;
  while (degree < 3 && degree * root_of(wanted_features(spec, params, degree), degree) > spec.d) ++degree;
  return degree;
}

Index rows_of_b(const HeavyPairsSpec& spec) {
  return spec.self || spec.n_b == 0 ? spec.n : spec.n_b;
}

/// The list of tiles is made before memory is asked for.
void check_tiles(const HeavyPairsSpec& spec, const AggregateParams& params) {
  constexpr double most_tiles = 0x1p20;
  const auto edges = [&](Index n_rows) {
    const double groups = std::ceil(static_cast<double>(n_rows) / static_cast<double>(params.group));
    return std::ceil(groups / static_cast<double>(params.tile));
  };
  if (const double tiles = edges(spec.n) * edges(rows_of_b(spec)); tiles > most_tiles)
    throw BadRequest("tile must leave at most 2^20 tiles of groups, got " + std::to_string(params.tile) + ": " +
                     to_text(Value(tiles)) + " tiles");
}

void check_settings(const HeavyPairsSpec& spec, const AggregateParams& params) {
  if (params.degree != unknown_index && (params.degree < 1 || params.degree > 3))
    throw BadRequest("degree must be 1, 2 or 3, got " + std::to_string(params.degree));
  const Index rows = std::min(spec.n, rows_of_b(spec)), most = std::min(rows, most_group);
  if (params.group < 2 || params.group > most)
    throw BadRequest("group must be between 2 and " + std::to_string(most) + " at n = " + std::to_string(rows) +
                     ", got " + std::to_string(params.group));
  if (!(params.signal > 0 && std::isfinite(params.signal)))
    throw BadRequest("signal must be positive, got " + to_text(Value(params.signal)));
  const double threshold = std::isnan(params.threshold) ? params.signal - 2 : params.threshold;
  if (!(threshold > 0 && threshold < params.signal))
    throw BadRequest("threshold must be above 0 and below signal = " + to_text(Value(params.signal)) + ", got " +
                     to_text(Value(threshold)));
  require_at_least("rounds", 1, params.rounds);
  require_at_least("tile", 1, params.tile);
  require_at_least("draw", 0, params.draw);
  check_tiles(spec, params);
  if (params.levels == unknown_index) return;
  if (params.multiply != "strassen")
    throw BadRequest("levels belongs to multiply strassen, got multiply " + params.multiply);
  if (params.levels < 0 || params.levels > most_levels)
    throw BadRequest("levels must be between 0 and " + std::to_string(most_levels) + ", got " +
                     std::to_string(params.levels));
}

std::string how_many(double features, const HeavyPairsSpec& spec, const AggregateParams& params, Index degree) {
  return "t = (group signal / rho^degree)^2 = " + to_text(Value(features)) + " features (group " +
         std::to_string(params.group) + ", signal " + to_text(Value(params.signal)) + ", rho " +
         to_text(Value(spec.rho)) + ", degree " + std::to_string(degree) + ")";
}

}  // namespace

void validate_aggregate(const HeavyPairsSpec& spec, const AggregateParams& params) {
  check_settings(spec, params);
  const Index degree = degree_of(spec, params);
  const double features = wanted_features(spec, params, degree);
  // counted in 32 bits: a product of aggregates is at most t group^2
  const double largest = features * static_cast<double>(params.group) * static_cast<double>(params.group);
  if (!(largest < most_features))
    throw BadRequest("group must keep t group^2 below 2^31, got " + to_text(Value(largest)) + " for " +
                     how_many(features, spec, params, degree));
  const Index set_size = root_of(features, degree), needed = degree * set_size;
  if (needed > spec.d) {
    const std::string formula[] = {"t", "2 ceil(t^(1/2))", "3 ceil(t^(1/3))"};
    throw BadRequest("d must be at least " + formula[degree - 1] + " = " + std::to_string(needed) + " for " +
                     how_many(features, spec, params, degree) + ", got " + std::to_string(spec.d));
  }
  const AggregatePlan plan(spec, params);
  const double rounded = static_cast<double>(plan.features) * static_cast<double>(plan.group * plan.group);
  if (!(rounded < most_features))
    throw BadRequest("group must keep t group^2 below 2^31, got " + to_text(Value(rounded)) + " for t = " +
                     std::to_string(plan.features) + ", the next power of degree " + std::to_string(degree));
}

AggregatePlan::AggregatePlan(const HeavyPairsSpec& spec, const AggregateParams& params)
    : rows_a(spec.n),
      rows_b(rows_of_b(spec)),
      group(params.group),
      degree(degree_of(spec, params)),
      set_size(root_of(wanted_features(spec, params, degree), degree)),
      threshold(std::isnan(params.threshold) ? params.signal - 2 : params.threshold) {
  features = 1;
  for (Index k = 0; k < degree; ++k) features *= set_size;
  if (params.multiply != "strassen") return;
  const Index edge = std::min({params.tile, groups_a(), groups_b()});
  for (Index half = edge / 2; half >= smallest_half && levels < most_levels; half /= 2) ++levels;
  if (params.levels != unknown_index) levels = params.levels;
}

double AggregatePlan::flagged_share() const {
  return 2 * upper_tail(threshold);
}

double AggregatePlan::recall_of_a_round(double rho, Index d) const {
  const auto r = static_cast<double>(degree), s = static_cast<double>(set_size);
  const double signal = std::sqrt(static_cast<double>(features)) * std::pow(rho, r) / static_cast<double>(group);
  // The share of agreeing coordinates in a random set of s out of d has variance (1 - rho^2) / s (1 - s / d); the
  // product of r such shares wavers r times as much, to first order.
  const double wavering = r * (1 - rho * rho) / (s * rho * rho) * (1 - s / static_cast<double>(d));
  return 1 - upper_tail((signal - threshold) / std::sqrt(1 + signal * signal * wavering));
}

PaperConstants paper_constants(double n, double rho, double gap) {
  constexpr double tau = 5, failure = 0.01;
  PaperConstants constants;
  constants.dimension = std::ceil(2 * gap * gap * std::log(2 * n * n / failure) / (rho * rho));
  constants.degree = static_cast<Index>(std::ceil(std::log(tau * std::cbrt(n)) / std::log(gap)));
  double features = 0, binomial = 1;  // the degree is small: sums of binomials neither overflow nor cancel
  for (Index i = 0; i <= constants.degree; ++i) {
    features += binomial;
    binomial *= (constants.dimension - static_cast<double>(i)) / static_cast<double>(i + 1);
  }
  constants.log10_features = std::log10(features);
  return constants;
}

}  // namespace breakeven::inner_product
