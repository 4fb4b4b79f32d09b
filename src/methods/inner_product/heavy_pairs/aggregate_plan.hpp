#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <tuple>

#include "base/fields.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

namespace breakeven::inner_product {

struct AggregateParams {
  Index degree = unknown_index;
  Index group = 16;
  double signal = 5.5;
  double threshold = std::numeric_limits<double>::quiet_NaN();
  Index rounds = 2;
  std::string multiply = "blas";
  Index levels = unknown_index;
  Index tile = 2048;
  Index draw = 1;

  static constexpr auto fields() {
    using Params = AggregateParams;
    return std::tuple{
        Field{"degree", &Params::degree,
              "coordinates multiplied in a feature, 1 to 3; by itself: the fewest that d has coordinates for"},
        Field{"group", &Params::group, "rows that share one aggregate"},
        Field{"signal", &Params::signal,
              "a heavy pair's share of an aggregate product, in standard deviations of the rest"},
        Field{"threshold", &Params::threshold,
              "aggregate products from here on are looked into; by itself: signal - 2"},
        Field{"rounds", &Params::rounds, "independent groupings; the hits of all of them are put together"},
        Field{"multiply", &Params::multiply, "how aggregates are multiplied: blas, or strassen's recursion", "",
              std::array<std::string_view, 6>{"blas", "strassen"}},
        Field{"levels", &Params::levels, "of strassen's recursion; by itself: until halves fall below 128"},
        Field{"tile", &Params::tile, "groups in an edge of the products that are in memory at a time"},
        Field{"draw", &Params::draw, "number of the random draw; draws are independent"}};
  }
};

/// What follows from sizes and settings alone. Local.
/// Source: the constants are practical ones, derived here for independent uniform background rows; see NOTES.md.
struct AggregatePlan {
  Index rows_a = 0, rows_b = 0;
  Index group = 1, degree = 1, set_size = 1;
  Index features = 1;  ///< t = set_size^degree, at least (group signal / rho^degree)^2
  Index levels = 0;    ///< of strassen's recursion
  double threshold = 0;

  AggregatePlan(const HeavyPairsSpec&, const AggregateParams&);
  Index groups_a() const { return (rows_a + group - 1) / group; }
  Index groups_b() const { return (rows_b + group - 1) / group; }
  /// Share of the pairs of groups that are flagged where there is no heavy pair: 2 Q(threshold), a normal's two tails.
  double flagged_share() const;
  /// Probability that a pair of correlation rho is found in a round: Phi of (signal - threshold), less what the random
  /// coordinates make the signal itself waver.
  double recall_of_a_round(double rho, Index d) const;
};

/// Throws BadRequest: settings out of bounds; more features than d has coordinates for.
void validate_aggregate(const HeavyPairsSpec&, const AggregateParams&);

/// What the analysis of the paper asks for at n rows a side and correlation rho, with failure probability 0.01 and the
/// factor tau = 5 between signal and noise: groups of n^(1/3) rows, background below rho d / gap.
/// Source: reconstructed from Alman (2019), arXiv 1810.06740, which arXiv 2311.11429 generalises; the bound on d, by
/// Hoeffding's inequality over all n^2 pairs, is derived.
struct PaperConstants {
  double dimension = 0;       ///< least d: 2 gap^2 ln(2 n^2 / 0.01) / rho^2
  Index degree = 0;           ///< ceil(log_gap(5 n^(1/3)))
  double log10_features = 0;  ///< monomials of at most that degree in d variables
};
PaperConstants paper_constants(double n, double rho, double gap);

}  // namespace breakeven::inner_product
