#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/array.hpp"
#include "numerics/bit_matrix.hpp"

namespace breakeven {

/// Row i of one matrix and row j of another, and the bits in which they differ.
struct BitPair {
  Index i = 0, j = 0, distance = 0;
  friend auto operator<=>(const BitPair&, const BitPair&) = default;
};

/// One test of a search: at most `radius` of the bits in the first `words` words of two rows differ.
struct HammingStage {
  Index words = 0;
  Index radius = 0;
};

/// Takes the pairs a search has found, in batches and in no particular order; false ends the search.
using PairSink = std::function<bool(std::span<const BitPair>)>;

/// How rows are compared: by XOR and population count of their words (or table look-ups where the processor does not
/// count bits), or by a product of bytes, one a coordinate, with sums of 32 bits.
enum class SignArithmetic { bits, int8 };

/// All pairs of rows that pass one or more tests, the later ones on more words than the earlier. A search of one test
/// on all words is the exact one; a prefix search tests 64 to 256 bits first and lets its sink check the whole rows
/// (keep_within). Which pairs are found depends on the two rows alone, never on what stands beside them.
/// Rows of B are packed a block at a time, for the caches; rows of A are read where they are. Local, no communicator.
/// Cost: n_a n_b words of the first test, 64 bits each, at a share of the machine's rate of XOR and population count.
/// Errors: none; padding bits must be zero, and the stages' words ascend and are at most those of a row.
/// Source: the plain product of matrices in blocks (Goto and van de Geijn 2008), with XOR and popcount for the product.
class HammingSearch {
 public:
  /// For stages of at most `max_words` words; int8 has one stage, and rows of less than 2^30 bits.
  explicit HammingSearch(Index max_words, SignArithmetic arithmetic = SignArithmetic::bits);

  /// Pairs (i, j) of rows i of a and j of b. The last stage's distance is reported.
  void scan(BitView a, BitView b, std::span<const HammingStage> stages, const PairSink& sink);
  /// Pairs i < j of rows of a.
  void scan_triangle(BitView a, std::span<const HammingStage> stages, const PairSink& sink);

  /// Bits of pairs of rows compared since the object was made or was asked last, as counted by tiles: the first test of
  /// all pairs, and the rest of the last one of all pairs in tiles that went on.
  Index take_bits_compared();

  /// What one object allocates.
  static Index bytes(Index max_words);

 private:
  void scan_blocks(BitView a, BitView b, bool triangle, std::span<const HammingStage> stages, const PairSink& sink);

  SignArithmetic arithmetic_;
  AlignedVector<Word> packed_;
  std::vector<BitPair> found_;
  Index bits_compared_ = 0;
};

/// The tests of an exact search that leaves a tile of pairs as soon as all of them are beyond the radius: the radius
/// after so many words that a tile of uniform rows seldom goes on, and at the end. The same pairs pass as in a search
/// of whole rows. Where tiles go on more often than not (rows that are alike), the search drops the first test by
/// itself.
std::vector<HammingStage> early_exit_stages(Index n_bits, Index radius);

/// Bits of a pair of uniform rows that such a search compares, in the mean.
double expected_bits(Index n_bits, std::span<const HammingStage> stages);

/// Of `pairs` (rows i of a and j of b) those whose whole rows differ in at most `radius` bits, with that distance,
/// appended to `kept`. Cost: reads 16 words_per_row() bytes a pair.
void keep_within(BitView a, BitView b, Index radius, std::span<const BitPair> pairs, std::vector<BitPair>& kept);

}  // namespace breakeven
