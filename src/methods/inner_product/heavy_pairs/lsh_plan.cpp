#include "methods/inner_product/heavy_pairs/lsh_plan.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "numerics/chance.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Index most_tables = 65'536;
constexpr Index most_check_words = 8;

// Seconds of one core, from peers/hamming_kernel on a Zen 5 with n = 2^14; only their ratios matter.
constexpr double sort_s = 2.8e-9;        // a row in a table: its key, and its place among the others
constexpr double sort_word_s = 0.45e-9;  // a check word on the way to it
constexpr double key_s = 5e-9;           // a key of a table: counting its rows, and finding them
constexpr double visit_s = 2e-9;         // two keys that meet
constexpr double tile_s = 0.5e-9;        // 4 rows of A and 8 of B that meet
constexpr double tile_word_s = 1e-9;     // a check word of them
constexpr double look_s = 60e-9;         // a candidate

/// Tiles that rows of one key fill, in the mean, `rows` a key and `side` a tile: one more or less full at the end.
double tiles(double rows, double side) {
  return rows / side + (1 - 1 / side) / 2 * -std::expm1(-rows);
}

double keys_within(Index key_bits, Index key_radius) {
  double sum = 0, term = 1;
  for (Index k = 0; k <= key_radius; ++k) {
    sum += term;
    term *= static_cast<double>(key_bits - k) / static_cast<double>(k + 1);
  }
  return sum;
}

/// The check of so many words, and what passes it. Found once for all keys: it takes most of the planning.
struct Check {
  Index words, bits, radius;
  double heavy_passes, uniform_passes;
};

Check check_with(const HeavyPairsSpec& spec, double recall, Index words) {
  Check check{words, std::min(spec.d, words * bits_per_word), 0, 0, 0};
  // A tenth of what may be missed is missed by the check, or nothing if it sees whole rows.
  const double passes_wanted = check.bits == spec.d ? 1 : 1 - (1 - recall) / 10;
  check.radius = most_among_drawn(spec.d, spec.radius(), check.bits, passes_wanted);
  check.heavy_passes = chance_among_drawn(spec.d, spec.radius(), check.bits, check.radius);
  check.uniform_passes = chance_of_distance(check.bits, check.radius);
  return check;
}

/// Tables of independent draws, in each of which a heavy pair meets with chance `meets`, that find it with chance
/// `recall`; none if they are too many.
Index tables_by_chance(double recall, double meets) {
  if (meets >= 1) return 1;
  const double wanted = std::ceil(std::log1p(-recall) / std::log1p(-meets));
  return wanted <= static_cast<double>(most_tables) ? std::max<Index>(1, static_cast<Index>(wanted)) : 0;
}

/// Tables of disjoint keys that find every heavy pair: were more than key_radius of its differences in each, they would
/// be more than `radius`. None if d coordinates do not hold as many keys.
Index tables_by_certainty(const HeavyPairsSpec& spec, Index key_bits, Index key_radius) {
  const Index wanted = spec.radius() / (key_radius + 1) + 1;
  return wanted * key_bits <= spec.d ? wanted : 0;
}

/// The plan with these keys, which heavy pairs share with chance `meets`, and this check; no tables if there can be no
/// such plan.
LshPlan plan_with(const HeavyPairsSpec& spec, double recall, Index key_bits, Index key_radius, double meets,
                  const Check& check) {
  LshPlan plan;
  plan.key_bits = key_bits;
  plan.key_radius = key_radius;
  plan.check_bits = check.bits;
  plan.check_radius = check.radius;
  plan.disjoint_keys = recall >= 1;
  const double passes = check.heavy_passes;
  plan.tables =
      plan.disjoint_keys ? tables_by_certainty(spec, key_bits, key_radius) : tables_by_chance(recall / passes, meets);
  if (plan.tables == 0) return plan;
  const double tables = static_cast<double>(plan.tables);
  plan.recall = plan.disjoint_keys ? 1 : passes * (meets >= 1 ? 1 : -std::expm1(tables * std::log1p(-meets)));

  const double keys = std::exp2(static_cast<double>(key_bits)), near = keys_within(key_bits, key_radius);
  const double n_a = static_cast<double>(spec.n), n_b = static_cast<double>(spec.n_b),
               words = static_cast<double>(check.words);
  const double sides = spec.self ? n_a : n_a + n_b, half = spec.self ? 0.5 : 1;
  plan.met = tables * spec.pairs() * near / keys;
  plan.candidates = plan.met * check.uniform_passes;
  const double tiles_a_table = half * near * keys * tiles(n_a / keys, 4) * tiles(n_b / keys, 8);
  plan.cost = tables * (sides * (sort_s + words * sort_word_s) + keys * key_s + half * near * keys * visit_s +
                        tiles_a_table * (tile_s + words * tile_word_s)) +
              plan.candidates * look_s;
  return plan;
}

}  // namespace

LshPlan plan_lsh(const HeavyPairsSpec& spec, const LshParams& params) {
  const Index most_bits = std::min(spec.d, lsh_most_key_bits);
  const Index first_bits = params.key_bits > 0 ? params.key_bits : 1;
  const Index last_bits = params.key_bits > 0 ? params.key_bits : most_bits;
  const bool any_radius = params.key_radius == unknown_index;
  std::vector<Check> checks;
  for (Index words = 1; words <= std::min(most_check_words, spec.words()); ++words)
    checks.push_back(check_with(spec, params.recall, words));
  LshPlan best;
  best.tables = 0;
  for (Index bits = first_bits; bits <= last_bits; ++bits)
    for (Index radius = any_radius ? 0 : params.key_radius;
         radius <= std::min(any_radius ? lsh_most_key_radius : params.key_radius, bits); ++radius) {
      const double meets = chance_among_drawn(spec.d, spec.radius(), bits, radius);
      for (const Check& check : checks) {
        const LshPlan plan = plan_with(spec, params.recall, bits, radius, meets, check);
        if (plan.tables > 0 && (best.tables == 0 || plan.cost < best.cost)) best = plan;
      }
    }
  if (best.tables == 0 && params.recall >= 1)
    throw BadRequest("key-bits = " + std::to_string(params.key_bits) +
                     ": disjoint keys, as recall = 1 needs them, do not fit into d = " + std::to_string(spec.d) +
                     " coordinates at this rho; take fewer");
  if (best.tables == 0)
    throw BadRequest("key-bits = " + std::to_string(params.key_bits) + " need more than " +
                     std::to_string(most_tables) + " tables at this rho and recall; take fewer");
  return best;
}

}  // namespace breakeven::inner_product
