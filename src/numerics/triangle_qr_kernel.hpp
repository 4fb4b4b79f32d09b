#pragma once

#include "base/index.hpp"

namespace breakeven {

/// Rows of a cache line, and columns that a block and a triangle are padded to: fixed, so that layouts do not depend on
/// the CPU.
template <class T>
inline constexpr Index qr_line = 64 / static_cast<Index>(sizeof(T));
inline constexpr Index qr_panel = 8;
/// Zero columns behind the last one, for trailing columns are updated in groups.
inline constexpr Index qr_spare_columns = 2;

/// A triangle with rows below it, right sides appended to both. Everything column-major and 64-byte aligned; columns
/// of A padded with zeros to a multiple of qr_panel, rows to one of qr_line.
///
///                 padded_d            n_rhs   spare
///            [ R, upper triangle | Q'B      |   0  ]   padded_d rows
///            [ block             | its rhs  |   0  ]   rows
template <class T>
struct StackedTriangle {
  T* triangle;
  Index triangle_stride;
  T* block;
  Index block_stride;
  Index rows, padded_d, n_rhs;
};

/// The compute kernels of TriangleQr for one instruction set.
template <class T>
struct TriangleQrKernel {
  const char* target;  ///< name of the instruction set

  /// out[column][row] = in[row][column], columns of `out` `stride` apart, rows up to the next whole line zero.
  void (*transpose)(const T* in, Index rows, Index columns, T* out, Index stride);
  /// Householder reflections that turn the block's columns of A into zeros, applied to the triangle and all right
  /// sides; what is left in the columns of A is scratch. `first_entry`: the block is upper trapezoidal, its row i zero
  /// left of column first_entry + i, and stays so; negative if it is full. `next`: what will be read after this block,
  /// brought to the cache meanwhile, `next_lines` cache lines of it.
  void (*eliminate)(const StackedTriangle<T>& stack, Index first_entry, const T* next, Index next_lines);
};

/// The kernels of the best instruction set this CPU has. T is float or double.
template <class T>
TriangleQrKernel<T> triangle_qr_kernel();

}  // namespace breakeven
