#pragma once

#include <span>

#include "base/array.hpp"
#include "base/index.hpp"

namespace breakeven {

/// A'WA and A'WB of a tall matrix whose rows arrive in blocks, W a diagonal of weights (ones if not given; they may be
/// negative). Two of them add, so that ranks reduce theirs by one sum. The state is one packed array that travels:
///   [A'WA: upper triangle, d (d + 1) / 2, row by row] [A'WB: d x n_rhs, row-major] [n_rhs entries of diag(B'WB)]
/// Local, no communicator. Cost of absorb(): rows d (d + 1 + 2 n_rhs) flops and one read of the rows.
/// Errors: none; entries must be finite. Rounding: sums of chunks of rows are added with compensation, so the error of
/// a sum does not grow with the number of chunks (Kahan 1965).
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
  Index d_, n_rhs_;
  AlignedVector<T> packed_, compensation_;
};

extern template class Gram<float>;
extern template class Gram<double>;

}  // namespace breakeven
