#pragma once

#include <span>

#include "base/array.hpp"
#include "base/index.hpp"
#include "numerics/gram_kernel.hpp"

namespace breakeven {

/// A'WA and A'WB of a tall matrix whose rows arrive in blocks, W a diagonal of weights (ones if not given; they may be
/// negative). Two of them add, so that ranks reduce theirs by one sum. The state is one packed array that travels:
///   [A'WA: upper triangle, d (d + 1) / 2, row by row] [A'WB: d x n_rhs, row-major] [n_rhs entries of diag(B'WB)]
/// Local, no communicator. Cost of absorb(): rows d (d + 1 + 2 n_rhs) flops and one read of the rows.
/// Errors: none; entries must be finite. Rounding: sums of chunks of rows are added with compensation, so the error of
/// a sum does not grow with the number of chunks (Kahan 1965).
/// Fastest where rows are whole cache lines and begin on one: short ones are then read where they lie.
template <class T>
class Gram {
 public:
  /// Allocates and touches everything; absorb() allocates nothing.
  Gram(Index d, Index n_rhs);

  /// Forgets all rows.
  void start();
  /// a: rows x d, b: rows x n_rhs, both row-major without gaps; b may be null if n_rhs is 0; weights: one a row or
  /// null.
  void absorb(const T* a, const T* b, Index rows, const T* weights = nullptr);
  /// The state of all rows so far.
  std::span<T> packed();

  static Index packed_size(Index d, Index n_rhs);
  static double flops(Index rows, Index d, Index n_rhs);
  /// What the constructor allocates.
  static Index bytes(Index d, Index n_rhs);

  // Parts of a packed state.
  static Array<T> matrix(std::span<const T> packed, Index d);
  static Array<T> rhs(std::span<const T> packed, Index d, Index n_rhs);
  static std::span<const T> rhs_squares(std::span<const T> packed, Index d, Index n_rhs);

 private:
  /// A block of rows as the kernel reads it: where it lies, or packed.
  GramRows<T> block(const T* a, const T* weights, Index rows);
  void absorb_right(const GramRows<T>& block, const T* b, const T* weights);
  /// Adds the sums of a chunk to the state and clears them.
  void close_chunk();

  Index d_, n_rhs_;
  GramKernel<T> kernel_;
  Index pending_rows_ = 0;  // of the chunk that is not closed
  AlignedVector<T> packed_, compensation_;
  AlignedVector<T> terms_;                    // of the chunk, as in packed_; until it is closed, only those of B'WB
  AlignedVector<T> sums_, right_sums_;        // of the chunk, as the kernels add them up
  AlignedVector<T> panels_, scaled_, right_;  // of a block
};

extern template class Gram<float>;
extern template class Gram<double>;

}  // namespace breakeven
