#pragma once

#include <cstdint>
#include <vector>

#include "base/philox.hpp"
#include "numerics/bit_matrix.hpp"

namespace breakeven::testing_support {

/// Rows of random signs, padding bits zero.
struct SignRows {
  Index n, n_bits;
  std::vector<Word> words;

  SignRows(Index rows, Index bits, std::uint32_t stream)
      : n(rows), n_bits(bits), words(static_cast<std::size_t>(rows * words_for(bits))) {
    const Philox random(21, Stream{stream});
    for (Index i = 0; i < n; ++i)
      for (Index w = 0; w < words_for(n_bits); ++w) {
        const auto four = random.bits(i, w);
        const Word mask = w + 1 == words_for(bits) ? last_word_mask(bits) : ~Word{0};
        word(i, w) = (Word{four[0]} << 32 | four[1]) & mask;
      }
  }
  BitView view() const { return {words.data(), n, n_bits}; }
  Word& word(Index i, Index w) { return words[static_cast<std::size_t>(i * words_for(n_bits) + w)]; }
  bool bit(Index i, Index k) const { return view().row(i)[k / 64] >> (k % 64) & 1; }
  void flip(Index i, Index k) { word(i, k / 64) ^= Word{1} << (k % 64); }
};

/// Row j of B becomes a copy of row i of A with the first `distance` bits of an order drawn for it flipped.
inline void plant(const SignRows& a, Index i, SignRows& b, Index j, Index distance) {
  const std::vector<Index> places = permutation(Philox(22, Stream{0}), a.n_bits, i * 1000 + j);
  for (Index w = 0; w < words_for(a.n_bits); ++w) b.word(j, w) = a.view().row(i)[w];
  for (Index k = 0; k < distance; ++k) b.flip(j, places[static_cast<std::size_t>(k)]);
}

/// Bits in which the first n_bits of two rows differ, counted one by one: no kernel's way.
inline Index bits_apart(const SignRows& a, Index i, const SignRows& b, Index j, Index n_bits) {
  Index sum = 0;
  for (Index k = 0; k < n_bits; ++k) sum += a.bit(i, k) != b.bit(j, k);
  return sum;
}

}  // namespace breakeven::testing_support
