#include "base/bits.hpp"

#include <algorithm>
#include <bit>

#include "base/value.hpp"

namespace breakeven {

void pack_signs(std::span<const double> signs, Index n_columns, std::string_view dataset, Index first_row,
                std::span<Word> packed) {
  const Index words = words_for(n_columns), n_rows = n_columns == 0 ? 0 : std::ssize(signs) / n_columns;
  std::fill(packed.begin(), packed.end(), Word{0});
  for (Index i = 0; i < n_rows; ++i)
    for (Index j = 0; j < n_columns; ++j) {
      const double sign = signs[static_cast<std::size_t>(i * n_columns + j)];
      if (sign == 1) continue;
      if (sign != -1)
        throw BadSign(first_row + i, j,
                      "dataset /" + std::string(dataset) + " holds " + (sign != sign ? "NaN" : to_text(Value(sign))) +
                          " at row " + std::to_string(first_row + i) + ", column " + std::to_string(j) +
                          "; signs are +1 and -1");
      packed[static_cast<std::size_t>(i * words + j / bits_per_word)] |= Word{1} << (j % bits_per_word);
    }
}

void require_zero_padding(std::span<const Word> packed, Index n_bits, std::string_view dataset, Index first_row) {
  const Index words = words_for(n_bits), n_rows = words == 0 ? 0 : std::ssize(packed) / words;
  const Word mask = words == 0 ? 0 : last_word_mask(n_bits);
  for (Index i = 0; i < n_rows; ++i) {
    const Word beyond = packed[static_cast<std::size_t>((i + 1) * words - 1)] & ~mask;
    if (beyond == 0) continue;
    const Index column = (words - 1) * bits_per_word + std::countr_zero(beyond);
    throw BadSign(first_row + i, column,
                  "dataset /" + std::string(dataset) + " has bit " + std::to_string(column) + " of row " +
                      std::to_string(first_row + i) + " set, beyond its n_bits = " + std::to_string(n_bits));
  }
}

}  // namespace breakeven
