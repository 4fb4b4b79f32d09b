#pragma once

#include "base/index.hpp"

namespace breakeven {

/// Entries of a cache line: packed panels are so wide, and columns padded to a multiple of it, whatever the CPU.
template <class T>
inline constexpr Index gram_line = 64 / static_cast<Index>(sizeof(T));

/// A few rows of a tall matrix of which each line of columns is read on its own. Entry (r, c) is at
/// data + (c / line) panel_stride + c % line + r row_stride: a row-major matrix as it stands (panel_stride = line), or
/// one packed into panels (row_stride = line).
template <class T>
struct GramRows {
  const T* data;
  const T* scaled;   ///< where the same entries lie times the weights of their rows; `data` if nobody has multiplied
  const T* weights;  ///< one a row, not yet multiplied with; null: nothing is left to do
  Index row_stride, panel_stride;
  Index rows, padded_d;
};

/// The compute kernels of Gram for one instruction set.
template <class T>
struct GramKernel {
  const char* target;  ///< name of the instruction set

  /// packed = in (rows x d) as panels of the given shape, columns d .. padded_d zero; scaled: the same times shape's
  /// weights, if it has any.
  void (*pack)(const T* in, Index d, const GramRows<T>& shape, T* packed, T* scaled);
  /// Entries of the sums of accumulate().
  Index (*sums_size)(Index padded_d);
  /// sums += upper triangle of data' W scaled, W the weights, and what of the lower one falls into the same tiles: tile
  /// after tile, as they come. `next`: what will be read after these rows, brought to the cache meanwhile.
  void (*accumulate)(const GramRows<T>& rows, T* sums, const T* next, Index next_bytes);
  /// The upper triangle (d (d + 1) / 2, row by row) that such sums hold.
  void (*unpack_sums)(const T* sums, Index padded_d, Index d, T* triangle);
  /// sums[k][c] += sum over r of right[k][r] data[r][c]: rows of `right` right_stride apart, of `sums` padded_d.
  void (*accumulate_right)(const GramRows<T>& rows, const T* right, Index right_stride, Index n_rhs, T* sums);
  /// sum[i] += terms[i] with the rounding errors kept in compensation[i] (Kahan 1965).
  void (*add_compensated)(const T* terms, Index n, T* sum, T* compensation);
};

/// The kernels of the best instruction set this CPU has. T is float or double.
template <class T>
GramKernel<T> gram_kernel();

}  // namespace breakeven
