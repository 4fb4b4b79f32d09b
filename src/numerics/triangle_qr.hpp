#pragma once

#include <span>

#include "base/array.hpp"
#include "base/index.hpp"
#include "numerics/triangle_qr_kernel.hpp"

namespace breakeven {

/// R of the QR decomposition of a tall matrix whose rows arrive in blocks, and Q'B of its right sides; Q is never
/// formed. Two of them combine, so that ranks reduce theirs along a tree (TSQR). The state is one packed array that
/// travels:
///   [R: upper triangle, d (d + 1) / 2, row by row] [Q'B: d x n_rhs, row-major] [n_rhs sums of squares outside the
///   range]
/// so min |A X - B|_F^2 is the sum of the last n_rhs entries. Local, no communicator.
/// Householder reflections of blocks of rows that stay in the second-level cache: backward stable whatever the
/// condition number. Cost of absorb(): 2 rows d (d + 2 n_rhs) flops and one read of the rows; of absorb_packed(): 2 d^3
/// / 3 + 2 d^2 n_rhs flops. Errors: none; entries must be finite. Range: sums of squares of a column must not overflow,
/// and columns of a block whose sum of squares is below the smallest normal number count as zero. Source: Demmel,
/// Grigori, Hoemmen, Langou (2012), flat tree.
template <class T>
class TriangleQr {
 public:
  /// Allocates and touches everything; absorb() allocates nothing.
  TriangleQr(Index d, Index n_rhs);

  /// Forgets all rows; R = sqrt(ridge) I, as if sqrt(ridge) I had been absorbed with right sides 0.
  void start(T ridge = 0);
  /// a: rows x d, b: rows x n_rhs, both row-major without gaps; b may be null if n_rhs is 0. Any number of rows.
  void absorb(const T* a, const T* b, Index rows);
  /// The state of another one of the same sizes.
  void absorb_packed(std::span<const T> other);
  /// The state, with a positive (or zero) diagonal: unique up to rounding, however the rows came.
  std::span<const T> packed();
  /// Takes over a state.
  void assign(std::span<const T> packed);

  static Index packed_size(Index d, Index n_rhs);
  static double flops(Index rows, Index d, Index n_rhs);
  /// What the constructor allocates.
  static Index bytes(Index d, Index n_rhs);

  // Parts of a packed state.
  static Array<T> r(std::span<const T> packed, Index d);
  static Array<T> rotated_rhs(std::span<const T> packed, Index d, Index n_rhs);
  static std::span<const T> residual_squares(std::span<const T> packed, Index d, Index n_rhs);

 private:
  /// The triangle, and a block of so many rows below it.
  StackedTriangle<T> stack(Index rows);
  /// Adds what a block's reflections have left of its right sides.
  void add_squares(const StackedTriangle<T>& stack);

  Index d_, n_rhs_;
  TriangleQrKernel<T> kernel_;
  AlignedVector<T> triangle_, block_, packed_;  // the padding of triangle_ and block_ holds zeros
  Index block_rows_;
};

extern template class TriangleQr<float>;
extern template class TriangleQr<double>;

}  // namespace breakeven
