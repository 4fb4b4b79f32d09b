#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bits.hpp"
#include "base/source.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

namespace breakeven::inner_product {

/// Row i of A and row j of B, planted at correlation rho; rows of A both, i < j, with `self`.
struct PlantedPair {
  Index i = 0, j = 0;
};

/// The planted pairs of synthetic data in the order in which their flips are drawn; none for a file. No row is in two.
/// Pure; O(planted) memory.
std::vector<PlantedPair> planted_pairs(const HeavyPairsSpec&, std::uint64_t seed);

/// Synthetic A and B; every row depends on seed and global row alone (and a planted row of B on its partner's).
///   uniform    independent fair signs: inner products are 0 +- sqrt(d).
///   clustered  each row is one of `clusters` random centres, drawn for it, with every sign flipped with probability
///              (1 - sqrt(background)) / 2: two rows of one cluster correlate at `background` in the mean.
///   biased     the same with one centre for all rows of A and B.
/// A planted pair: b_j is a_i with exactly radius() signs flipped, at places drawn without replacement.
/// Source: planted uniform pairs are the light bulb problem (Paturi, Rajasekaran, Reif 1989; Valiant 2015); the rest is
/// ours.
template <class T>
class GeneratedSigns final : public Source<T> {
 public:
  GeneratedSigns(const HeavyPairsSpec& spec, std::uint64_t seed);
  Index columns(std::string_view) const override { return spec_.words(); }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override;

 private:
  /// A planted row of B and what it is made of.
  struct Partner {
    Index row, of, pair;
  };
  void draw(std::string_view name, Index row, std::span<T> out) const;
  void flip(Index pair, std::span<T> row) const;

  HeavyPairsSpec spec_;
  std::uint64_t seed_;
  std::vector<Partner> partners_;  // by row
};

}  // namespace breakeven::inner_product
