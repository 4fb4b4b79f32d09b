#pragma once

#include "base/bits.hpp"

namespace breakeven {

/// Rows of packed signs that somebody else owns: n_rows x words_per_row(), row-major, padding bits zero.
struct BitView {
  const Word* words = nullptr;
  Index n_rows = 0;
  Index n_bits = 0;

  constexpr Index words_per_row() const { return words_for(n_bits); }
  constexpr const Word* row(Index i) const { return words + i * words_per_row(); }
  /// Rows [begin, begin + count) alone.
  constexpr BitView rows(Index begin, Index count) const { return {row(begin), count, n_bits}; }
};

}  // namespace breakeven
