#pragma once

#include <cstdint>
#include <span>

#include "numerics/bit_matrix.hpp"

namespace breakeven {

/// Chosen bits of every row, side by side: bit k of row i of `out` is bit places[k] of row i. `out` holds rows.n_rows x
/// words_for(places.size()) words, padding zero. Reads all rows once; a few operations on vectors a bit and 16 rows.
void gather_bits(BitView rows, std::span<const Index> places, Word* out);

/// 32-bit words of rows [first, first + count), transposed: columns[k * stride + i] is word k of row first + i,
/// whatever the order of bytes in memory.
void transpose_halves(BitView rows, Index first, Index count, Index stride, std::uint32_t* columns);

}  // namespace breakeven
