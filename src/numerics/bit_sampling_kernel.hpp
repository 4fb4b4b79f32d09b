#pragma once

#include "numerics/hamming_kernel.hpp"

namespace breakeven {

/// A bit of a row and where it goes in a key: place `to` of the key is bit `bit` of 32-bit word `word` of the row.
struct KeyBit {
  std::int32_t word = 0, bit = 0, to = 0;
};

/// The rows of one matrix in the order of their keys.
struct KeyedRows {
  const std::uint32_t* row = nullptr;    ///< numbers of the rows
  const Word* check = nullptr;           ///< [check word][position]: bits of the row that are compared first
  Index check_stride = 0;                ///< positions
  const std::uint32_t* begin = nullptr;  ///< first position of each key, and one more
};

/// Positions behind the last row that a kernel may read.
inline constexpr Index keyed_padding = 64;

/// What is compared where keys meet.
struct KeyJoin {
  KeyedRows a, b;
  bool self = false;  ///< b is a: pairs of different rows, each once
  Index n_keys = 0;
  const std::uint32_t* differences = nullptr;  ///< of the keys that meet: 0, and others for keys that nearly agree
  Index n_differences = 0;
  Index check_words = 0;
  Index check_radius = 0;  ///< most check bits in which a pair may differ
};

/// The kernels of a join by bit sampling for one instruction set.
struct BitSamplingKernel {
  const char* target;  ///< name of the instruction set

  /// keys[row] = the chosen bits of each row. columns: [32-bit word of the row][row], `stride` rows apart; rows up to
  /// a multiple of 16 are read and written.
  void (*gather)(const std::uint32_t* columns, Index stride, Index rows, const KeyBit* bits, Index n_bits,
                 std::uint32_t* keys);
  /// Reports the pairs of rows whose keys differ by one of the differences and that pass the check, each once, with the
  /// check bits in which they differ. Returns how many pairs met.
  Index (*join)(const KeyJoin& join, PairBuffer& found);
  /// The first of n masks within which two rows differ in at most `radius` bits; n if there is none. masks: n x words.
  Index (*first_within)(const Word* a, const Word* b, Index words, const Word* masks, Index n, Index radius);
};

/// The kernels of the best instruction set this CPU has.
BitSamplingKernel bit_sampling_kernel();

}  // namespace breakeven
