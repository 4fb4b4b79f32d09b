#pragma once

#include <vector>

#include "base/array.hpp"
#include "numerics/hamming_pairs.hpp"

namespace breakeven {

/// Pairs of rows within a Hamming distance by products of matrices of +1.0f and -1.0f, the BLAS library's, a tile at a
/// time: <a, b> = n_bits - 2 distance, an integer that float holds exactly. Local, no communicator.
/// Cost: 2 n_a n_b n_bits flops. Errors: none; rows of less than 2^24 bits.
class SignProduct {
 public:
  explicit SignProduct(Index n_bits);

  /// Pairs (i, j) of rows i of a and j of b that differ in at most `radius` bits; in batches, as HammingSearch does it.
  void scan(BitView a, BitView b, Index radius, const PairSink& sink);
  /// Pairs i < j of rows of a.
  void scan_triangle(BitView a, Index radius, const PairSink& sink);

  /// What one object allocates.
  static Index bytes(Index n_bits);

 private:
  void scan_tiles(BitView a, BitView b, bool triangle, Index radius, const PairSink& sink);
  /// Products of rows of a and b, tile_rows x tile_columns.
  void multiply(BitView a, BitView b);

  Index n_bits_;
  AlignedVector<float> a_, b_, products_;
  std::vector<BitPair> found_;
};

}  // namespace breakeven
