#pragma once

#include <vector>

#include "numerics/bit_matrix.hpp"

namespace breakeven {

/// Two rows, as numbers within their matrices, and in how many bits they differ.
struct BitPair {
  Index i = 0, j = 0, distance = 0;
};

/// Finds the pairs of close rows of two bit matrices, B held in tiles.
class HammingTiles {
 public:
  HammingTiles(Index capacity_rows, Index n_bits);

  /// Takes up rows of B, at most the capacity; the view must outlive the scans.
  void load(BitView b);
  /// Appends every pair whose words [first_word, first_word + n_words) differ in at most `radius` bits, with that
  /// distance. Returns how many. Cost: a.n_rows x rows loaded x n_words.
  Index scan(BitView a, Index first_word, Index n_words, Index radius, std::vector<BitPair>& found) const;

 private:
  BitView b_;
};

}  // namespace breakeven
