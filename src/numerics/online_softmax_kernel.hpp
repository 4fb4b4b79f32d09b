#pragma once

#include "base/index.hpp"
#include "numerics/fetch_queue.hpp"
#include "numerics/online_softmax.hpp"

namespace breakeven {

/// A stretch of keys and values, reordered so that the inner loops read memory front to back. Short tiles are filled up
/// with zeros. R = tile_rows, B = block_keys of the kernel; d_padded = d_value rounded up to R.
template <class T>
struct PackedKeys {
  T* keys;    ///< [key tile][d][R]
  T* values;  ///< [key block][d_padded / R][B][R]
  Index rows;
  Index first_global;
};

/// Keys and values where they lie, and copies of what does not fill a register tile, so that nothing is read beyond the
/// end.
template <class T>
struct KeysInPlace {
  const T* keys;         ///< [rows][d]
  const T* values;       ///< [rows][d_value]
  const T* last_keys;    ///< [R][d]: the last rows % R keys, then zeros
  const T* last_values;  ///< [rows][R]: the last d_value % R columns, then zeros; not read if there are none
  Index rows;
  Index first_global;
  FetchQueue* later;  ///< asked for beside the work, a step for each tile of keys
};

/// The state of `panel_width` queries, queries fastest in every array.
template <class T>
struct QueryPanel {
  const T* queries;  ///< [d][width], times scale * log2(e): scores come out as powers of 2
  T* outputs;        ///< [d_padded][width], not yet divided; anything while all sums are 0
  T* sums;           ///< [width]
  T* maxima;         ///< [width], the reference of the weights; at most a threshold below the true maximum
  Index first_global;
  Index last_global;  ///< of the last query that is not padding
};

/// The loops of one instruction set and scalar type.
template <class T>
struct SoftmaxKernel {
  Index panel_width;  ///< queries of a panel
  Index tile_rows;    ///< keys (or value columns) of a register tile
  Index block_keys;   ///< keys whose weights are held at once
  void (*pack)(const SoftmaxShape& shape, const KeyBlock<T>& block, const PackedKeys<T>& packed);
  /// KeysInPlace::last_keys and last_values.
  void (*copy_edges)(const SoftmaxShape& shape, const KeyBlock<T>& block, T* last_keys, T* last_values);
  /// Up to panel_width rows of queries into QueryPanel::queries; missing rows are 0.
  void (*load_queries)(const SoftmaxShape& shape, const T* queries, Index rows, T* panel);
  void (*absorb_packed)(const SoftmaxShape& shape, const PackedKeys<T>& keys, const QueryPanel<T>& panel, T* weights);
  void (*absorb_in_place)(const SoftmaxShape& shape, const KeysInPlace<T>& keys, const QueryPanel<T>& panel,
                          T* weights);
  /// Up to panel_width rows of outputs, row-major, divided by their sums; 0 where the sum is.
  void (*store_outputs)(const SoftmaxShape& shape, const T* panel_outputs, const T* sums, Index rows, T* outputs);

  Index value_columns(const SoftmaxShape& shape) const {
    return (shape.d_value + tile_rows - 1) / tile_rows * tile_rows;
  }
};

/// The maximum before the first key: below every score, and far enough from the limit that differences stay finite.
template <class T>
inline constexpr T no_maximum = sizeof(T) == 4 ? T(-8e37) : T(-4e307);

/// The kernel of the instruction set in use (simd_target()).
template <class T>
const SoftmaxKernel<T>& softmax_kernel();
template <>
const SoftmaxKernel<float>& softmax_kernel<float>();
template <>
const SoftmaxKernel<double>& softmax_kernel<double>();

}  // namespace breakeven
