#pragma once

#include <cstdint>

#include "base/index.hpp"

namespace breakeven {

/// The random words a sketch is made of: number w of them is Philox(seed, stream).bits(w / 4, 0)[w % 4].
struct SketchWords {
  std::uint64_t seed;
  std::uint32_t stream;
};

/// Nonzero k of column j takes word j nonzeros + k: its lowest bit is the sign, the others times the height of a block,
/// without the lower 31 bits, the row within block k.
struct SketchShape {
  Index nonzeros;  ///< of a column, one in each block of rows
  Index height;    ///< rows of a block, below 2^32
  Index columns;   ///< of A and of the sketch
};

/// The loops of one instruction set and scalar type.
template <class T>
struct SketchKernels {
  /// out += `scale` times signs times the rows of A at their places. `within`, `factors`: room for place_room().
  void (*add)(const SketchWords& words, const SketchShape& shape, T scale, const T* a, Index n_rows, Index first_global,
              std::uint32_t* within, T* factors, T* out);
};

/// Rows of A whose nonzeros are placed at once, and the room that takes. Few, so that the processor draws words while
/// it waits for rows.
constexpr Index place_rows(Index nonzeros) {
  return nonzeros < 32 ? 32 / nonzeros : 1;
}
constexpr Index place_room(Index nonzeros) {
  return place_rows(nonzeros) * nonzeros + 64;  // 64: counters are drawn by the vector
}

/// The kernels of the instruction set in use (simd_target()).
template <class T>
SketchKernels<T> sketch_kernels();
template <>
SketchKernels<float> sketch_kernels<float>();
template <>
SketchKernels<double> sketch_kernels<double>();

}  // namespace breakeven
