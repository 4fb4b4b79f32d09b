#pragma once

#include <cstdint>

#include "base/index.hpp"

namespace breakeven {

/// 64 coordinates of a vector in {-1,+1}^d. Bit b of word w is coordinate 64 w + b; a set bit stands for -1. Bits
/// beyond d are zero, so that the bits in which two rows differ can be counted word by word: <a, b> = d - 2 |a xor b|.
using Word = std::uint64_t;

inline constexpr Index bits_per_word = 64;

/// Words of a row of so many bits.
constexpr Index words_for(Index bits) {
  return (bits + bits_per_word - 1) / bits_per_word;
}

}  // namespace breakeven
