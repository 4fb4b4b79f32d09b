#include "numerics/hamming_pairs.hpp"

#include <bit>

namespace breakeven {

HammingTiles::HammingTiles(Index, Index) {}

void HammingTiles::load(BitView b) {
  b_ = b;
}

Index HammingTiles::scan(BitView a, Index first_word, Index n_words, Index radius, std::vector<BitPair>& found) const {
  Index close = 0;
  for (Index i = 0; i < a.n_rows; ++i)
    for (Index j = 0; j < b_.n_rows; ++j) {
      Index distance = 0;
      for (Index w = first_word; w < first_word + n_words; ++w) distance += std::popcount(a.row(i)[w] ^ b_.row(j)[w]);
      if (distance > radius) continue;
      found.push_back({i, j, distance});
      ++close;
    }
  return close;
}

}  // namespace breakeven
