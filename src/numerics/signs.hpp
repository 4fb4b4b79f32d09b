#pragma once

#include <span>

#include "base/bits.hpp"

namespace breakeven {

// One row of packed signs (base/bits.hpp) and the numbers +1 and -1 it stands for. T is float or double. Local.

/// The signs as numbers, n_bits of them.
template <class T>
void unpack_signs(const Word* row, Index n_bits, T* out);

/// Bits set where a number is negative; words_for(numbers.size()) words.
template <class T>
void pack_negative(std::span<const T> numbers, Word* row);

/// sum += factor times the row; sum holds whole bytes of signs: a multiple of 8 entries, those beyond the row's end are
/// added to as if the row went on with +1. Cost: 2 flops a sign.
void add_signs(const Word* row, double factor, std::span<double> sum);

}  // namespace breakeven
