#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.hpp"
#include "base/index.hpp"

namespace breakeven {

/// 64 coordinates of a vector in {-1,+1}^d. Bit b of word w is coordinate 64 w + b; a set bit stands for -1. Bits
/// beyond d are zero, so that the coordinates in which two rows differ can be counted word by word: <a, b> = d - 2 |a
/// xor b|.
using Word = std::uint64_t;

inline constexpr Index bits_per_word = 64;

/// Words of a row of so many bits.
constexpr Index words_for(Index bits) {
  return (bits + bits_per_word - 1) / bits_per_word;
}

/// The bits of a row's last word that lie within its n_bits (at least 1).
constexpr Word last_word_mask(Index n_bits) {
  return ~Word{0} >> (words_for(n_bits) * bits_per_word - n_bits);
}

/// An entry of a matrix of signs that is neither +1 nor -1, or a bit beyond the columns.
class BadSign : public BadRequest {
 public:
  BadSign(Index row, Index column, const std::string& message) : BadRequest(message), row_(row), column_(column) {}
  Index row() const { return row_; }
  Index column() const { return column_; }

 private:
  Index row_, column_;
};

/// Rows of numbers +1 and -1, n_columns each, as words_for(n_columns) words each. Throws BadSign at the first entry
/// that is no sign; `dataset` and `first_row`, the global number of the first of the rows, serve its message.
void pack_signs(std::span<const double> signs, Index n_columns, std::string_view dataset, Index first_row,
                std::span<Word> packed);

/// Throws BadSign at the first bit of the rows' padding that is set.
void require_zero_padding(std::span<const Word> packed, Index n_bits, std::string_view dataset, Index first_row);

}  // namespace breakeven
