#pragma once

#include <algorithm>

#include "methods/inner_product/heavy_pairs/pair_blocks.hpp"

namespace breakeven::inner_product {

/// Rows of B that a tile holds, and rows of A compared with them before anybody looks at what was found: 4 M pairs, so
/// that a threshold far too low is noticed long before its hits fill the memory.
inline constexpr Index tile_rows_b = 4096;
inline constexpr Index tile_rows_a = 1024;

/// Cuts a pair of blocks into tiles: load(rows of B) for each range of them, then compare(rows of A, rows of B), ranges
/// of local rows, until it returns false. Of a triangle only tiles that hold pairs i < j are visited; those on the
/// diagonal hold others too.
template <class Load, class Compare>
void for_tiles(const PairBlock& block, const Load& load, const Compare& compare) {
  for (Index b = 0; b < block.b.n_rows; b += tile_rows_b) {
    const Range rows_b{b, std::min(b + tile_rows_b, block.b.n_rows)};
    load(rows_b);
    const Index end_a = block.triangle ? rows_b.end - 1 : block.a.n_rows;
    for (Index a = 0; a < end_a; a += tile_rows_a)
      if (!compare(Range{a, std::min(a + tile_rows_a, end_a)}, rows_b)) return;
  }
}

}  // namespace breakeven::inner_product
