#pragma once

#include "base/index.hpp"

namespace breakeven {

/// A stretch of rows of A beside X and the gradient of these rows, both cut into columns of vectors. Rows hold whole
/// vectors of the kernel, `whole` entries; where d is no multiple of them, one more vector begins at entry `tail` and
/// overlaps the last whole one: X holds zeros in the lanes that overlap, and those of the gradient mean nothing.
///
///     row of A                       [ 0 ............... whole ) [ rest )
///                                                [     last vector     ]
///     x, gradient of one right side  [ 0 ............... whole ) [ 0 0 0 0 0 0 | rest ]
template <class T>
struct RowChunk {
  const T* a;
  Index rows;
  Index stride;  ///< entries from one row of A to the next
  Index whole;
  Index tail;    ///< < 0: none
  const T* x;    ///< [n_rhs][packed]
  T* gradient;   ///< [n_rhs][packed], added to
  Index packed;  ///< entries from one right side to the next
};

/// The loops of one instruction set and scalar type. Pointers that belong to rows point at the first row of the chunk.
template <class T>
struct RowKernels {
  Index lanes;  ///< of the vectors that RowChunk speaks of

  /// See residual_pass(); b, residual: rows x n_rhs.
  void (*residual)(const RowChunk<T>& chunk, Index n_rhs, const T* b, double* squares, T* residual);
  /// See bidiagonal_pass(); adds to `squares`.
  void (*bidiagonal)(const RowChunk<T>& chunk, T alpha, T* u, T beta, double* squares);
  void (*weighted)(const RowChunk<T>& chunk, const T* weights);

  Index panel_columns;  ///< columns of X that norms() holds side by side
  /// norms[i] = |row_i(A) X|^2 for rows of d entries without gaps. `panels`: X as [panel][d][panel_columns], the last
  /// panel filled up with zeros.
  void (*norms)(const T* a, Index rows, Index d, const T* panels, Index n_columns, T* norms);
};

/// The kernels of the instruction set in use (simd_target()).
template <class T>
RowKernels<T> row_kernels();
template <>
RowKernels<float> row_kernels<float>();
template <>
RowKernels<double> row_kernels<double>();

}  // namespace breakeven
