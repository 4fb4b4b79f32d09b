#pragma once

#include "numerics/hamming_pairs.hpp"

namespace breakeven {

/// Rows of A where they are, and a block of rows of B packed by the kernel that reads them.
struct HammingBlock {
  const Word* a = nullptr;
  Index a_stride = 0;  ///< words from row to row
  Index n_a = 0;
  const Word* b = nullptr;
  Index n_b = 0;
  Index first_b = 0;
  Index b_words = 0;      ///< words packed of every row
  bool triangle = false;  ///< pairs i < j alone
};

/// Where a kernel puts what it finds.
struct PairBuffer {
  BitPair* pairs = nullptr;
  Index size = 0, capacity = 0;
  void (*flush)(PairBuffer&) = nullptr;  ///< empties the buffer, and sets `stopped` if no more is wanted
  void* owner = nullptr;
  bool stopped = false;
  Index tiles_beyond_first = 0;  ///< tiles of which some pair has passed the first stage

  void add(Index i, Index j, Index distance) {
    if (stopped) return;
    pairs[size++] = {i, j, distance};
    if (size == capacity) flush(*this);
  }
};

/// One way to compare packed rows, for one instruction set. A kernel reads whole tiles: rows of B are padded with zero
/// rows to a multiple of tile_columns, which it does not report.
struct HammingKernel {
  const char* target;             ///< name of the instruction set
  Index tile_rows, tile_columns;  ///< rows of A and of B in a tile
  Index bytes_a_word;  ///< of the packed copy: 8; 16 where it holds a byte for every four bits, 64 one for every bit
  Index most_radius;   ///< largest radius a stage may have

  /// packed = the first `words` words of rows of B, `stride` words apart, padded.
  void (*pack)(const Word* b, Index stride, Index rows, Index words, Word* packed);
  /// Reports the pairs of the block that pass all stages. `scratch`: hamming_scratch_words a word of the last stage.
  void (*scan)(const HammingBlock& block, const HammingStage* stages, Index n_stages, Word* scratch, PairBuffer& found);
};

/// Words of scratch memory a kernel needs for every word of its last stage.
inline constexpr Index hamming_scratch_words = 48;

/// The fastest kernel of this CPU whose stages may have that radius.
HammingKernel hamming_kernel(Index radius);

/// The same by a product of bytes (VNNI where there is one), for searches of one stage.
HammingKernel int8_kernel();

/// Bits in which two rows of so many words differ.
Index hamming_distance(const Word* a, const Word* b, Index words);

/// sums[k] = rows - 2 |first xor others[k]|: sums of `rows` products of two signs, set bits being -1. `first` has so
/// many words, `others` n times as many; bits beyond `rows` are zero.
void sums_of_signs(const Word* first, const Word* others, Index n, Index words, Index rows, float* sums);

}  // namespace breakeven
