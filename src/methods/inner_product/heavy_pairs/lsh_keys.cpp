#include "methods/inner_product/heavy_pairs/lsh_keys.hpp"

#include <algorithm>

#include "numerics/bit_sampling.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Stream check_stream{201}, order_stream{202},
    first_key_stream{1u << 16};  // table t draws from stream first_key_stream + t

}  // namespace

LshKeys::LshKeys(Index d, const LshPlan& plan, std::uint64_t draw)
    : d_(d), plan_(plan), draw_(draw), masks_(static_cast<std::size_t>(plan.tables * words_for(d))) {
  check_places_ = sample_without_replacement(Philox(draw, check_stream), d, plan.check_bits);
  if (plan.disjoint_keys) order_ = permutation(Philox(draw, order_stream), d, 0);
  for (Index table = 0; table < plan.tables; ++table)
    for (const Index place : places(table))
      masks_[static_cast<std::size_t>(table * words_for(d) + place / bits_per_word)] |= Word{1}
                                                                                        << (place % bits_per_word);
}

std::vector<Index> LshKeys::places(Index table) const {
  if (!plan_.disjoint_keys) {
    const Stream stream{static_cast<std::uint32_t>(first_key_stream) + static_cast<std::uint32_t>(table)};
    return sample_without_replacement(Philox(draw_, stream), d_, plan_.key_bits);
  }
  const auto first = order_.begin() + table * plan_.key_bits;
  std::vector<Index> places(first, first + plan_.key_bits);
  std::sort(places.begin(), places.end());
  return places;
}

bool LshKeys::first_in(Index table, const Word* a, const Word* b) const {
  return first_table(a, b, words_for(d_), masks_.data(), table, plan_.key_radius) == table;
}

Index LshKeys::bytes(Index d, const LshPlan& plan) {
  return plan.tables * words_for(d) * static_cast<Index>(sizeof(Word)) +
         (plan.check_bits + (plan.disjoint_keys ? d : 0)) * static_cast<Index>(sizeof(Index));
}

}  // namespace breakeven::inner_product
