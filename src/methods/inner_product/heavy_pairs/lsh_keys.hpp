#pragma once

#include <vector>

#include "base/index.hpp"
#include "base/philox.hpp"
#include "methods/inner_product/heavy_pairs/lsh_plan.hpp"

namespace breakeven::inner_product {

/// Which coordinates a plan's keys and check are made of. They depend on sizes and the draw alone, so that all ranks
/// have the same; local.
class LshKeys {
 public:
  /// d: coordinates of a row; draw: number of the random draw.
  LshKeys(Index d, const LshPlan&, std::uint64_t draw);

  /// The coordinates that make the key of a table, ascending.
  std::vector<Index> places(Index table) const;
  const std::vector<Index>& check_places() const { return check_places_; }
  /// Whether two rows, which meet in `table`, do so in no earlier one: then a pair is reported once.
  bool first_in(Index table, const Word* a, const Word* b) const;
  static Index bytes(Index d, const LshPlan&);

 private:
  Index d_;
  LshPlan plan_;
  std::uint64_t draw_;
  std::vector<Index> order_;  // of all coordinates, whose pieces disjoint keys are
  std::vector<Index> check_places_;
  std::vector<Word> masks_;  // the key bits of every table, as a row
};

}  // namespace breakeven::inner_product
