#pragma once

#include <tuple>

#include "base/fields.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

namespace breakeven::inner_product {

struct LshParams {
  double recall = 0.99;
  Index key_bits = 0;
  Index key_radius = unknown_index;
  Index draw = 1;

  static constexpr auto fields() {
    using Params = LshParams;
    return std::tuple{
        Field{"recall", &Params::recall, "probability with which each heavy pair is to be found"},
        Field{"key-bits", &Params::key_bits, "coordinates that make a key; 0: chosen from n, d, rho and recall"},
        Field{"key-radius", &Params::key_radius, "coordinates in which keys that meet may differ; default: chosen too"},
        Field{"draw", &Params::draw, "number of the random choice of coordinates"}};
  }
};

inline constexpr Index lsh_most_key_bits = 24, lsh_most_key_radius = 2;

/// What a search by bit sampling does, and what is to be expected of it.
struct LshPlan {
  Index key_bits = 1, key_radius = 0, tables = 1;
  Index check_bits = 0, check_radius = 0;
  bool disjoint_keys = false;  ///< no coordinate is in two keys, so that no heavy pair can be missed
  double recall = 1;           ///< least probability with which a heavy pair is found
  double met = 0;              ///< pairs that meet in all tables together, of uniform data
  double candidates = 0;       ///< of those, pairs that pass the check
  double cost = 0;             ///< seconds of one rank, by the model in lsh_plan.cpp
};

/// The plan that costs least, within what the parameters leave open. Pure.
/// Errors: BadRequest if the parameters leave no plan of at most 65,536 tables or, at recall 1, of disjoint keys.
LshPlan plan_lsh(const HeavyPairsSpec&, const LshParams&);

}  // namespace breakeven::inner_product
