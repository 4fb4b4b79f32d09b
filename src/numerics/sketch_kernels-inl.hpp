// The loops of sketch_kernels.hpp, compiled once for each instruction set (no #pragma once: the guard below toggles).
// No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the linker
// keeps for everybody.
#if defined(BREAKEVEN_SKETCH_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_SKETCH_KERNELS_INL
#undef BREAKEVEN_SKETCH_KERNELS_INL
#else
#define BREAKEVEN_SKETCH_KERNELS_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "numerics/philox-inl.hpp"
#include "numerics/sketch_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

// Internal, so that other kernels may use the same short names in this namespace.
namespace {

inline constexpr Index ahead_bytes = 8192;  // of the prefetches of A: about what arrives within one memory latency
inline constexpr Index line_bytes = 64;
inline constexpr Index panel_vectors = 8;  // of a row of A, held in registers while they are added everywhere

/// Where the nonzeros of some rows go, in their order, and what the rows are multiplied by there. Offsets are entries
/// of the output within the block of rows.
template <class T>
struct Places {
  Index* offsets;
  T* factors;
};

/// Places of the words [first, first + count), count <= place_room() - 64.
template <class T>
HWY_INLINE void draw_places(const SketchWords& words, const SketchShape& shape, T scale, std::uint64_t first,
                            Index count, const Places<T>& places) {
  const Words d;
  const auto height = hn::Set(d, static_cast<std::uint64_t>(shape.height));
  const auto columns = hn::Set(d, static_cast<std::uint64_t>(shape.columns));
  const hn::Rebind<std::uint32_t, Words> narrow_d;
  alignas(64) std::uint32_t drawn[4 * philox_lanes];
  Index at = -static_cast<Index>(first % 4);  // the first counter may begin before the first word
  for (std::uint64_t counter = first / 4; at < count; counter += philox_lanes) {
    draw_words(words.seed, words.stream, counter, drawn);
    for (Index i = 0; i < 4 * philox_lanes; i += philox_lanes) {
      const auto word = hn::PromoteTo(d, hn::Load(narrow_d, drawn + i));
      const auto within = hn::ShiftRight<31>(multiply_words(hn::ShiftRight<1>(word), height));
      alignas(64) std::uint64_t offsets[philox_lanes];
      hn::Store(multiply_words(within, columns), d, offsets);
      for (Index l = 0; l < philox_lanes; ++l, ++at) {
        if (at < 0) continue;
        places.offsets[at] = static_cast<Index>(offsets[l]);
        places.factors[at] = (drawn[i + l] & 1) != 0 ? -scale : scale;
      }
    }
  }
}

/// V vectors of one row of A, times its factors, added to the places of its nonzeros.
template <Index V, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_panel(D d, const T* a, Index nonzeros, Index block, const Places<T>& places, T* out) {
  constexpr auto lanes = static_cast<Index>(hn::MaxLanes(D()));
  constexpr Index bytes = V * lanes * static_cast<Index>(sizeof(T));
  for (Index byte = 0; byte < bytes; byte += line_bytes)
    hwy::Prefetch(reinterpret_cast<const char*>(a) + ahead_bytes + byte);
  hn::Vec<D> row[V];
#pragma GCC unroll 8
  for (Index v = 0; v < V; ++v) row[v] = hn::LoadU(d, a + v * lanes);
  for (Index k = 0; k < nonzeros; ++k, out += block) {
    T* place = out + places.offsets[k];
    const auto factor = hn::Set(d, places.factors[k]);
#pragma GCC unroll 8
    for (Index v = 0; v < V; ++v)
      hn::StoreU(hn::MulAdd(factor, row[v], hn::LoadU(d, place + v * lanes)), d, place + v * lanes);
  }
}

/// Columns [c, columns) of one row in panels of V vectors, then of half as many, down to one entry.
template <Index V, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_columns(D d, const T* a, const SketchShape& shape, Index c, const Places<T>& places, T* out) {
  constexpr auto lanes = static_cast<Index>(hn::MaxLanes(D()));
  for (; c + V * lanes <= shape.columns; c += V * lanes)
    add_panel<V>(d, a + c, shape.nonzeros, shape.height * shape.columns, places, out + c);
  if (c == shape.columns) return;
  if constexpr (V > 1)
    add_columns<V / 2>(d, a, shape, c, places, out);
  else if constexpr (lanes > 1)
    add_columns<1>(hn::Half<D>(), a, shape, c, places, out);
}

template <class T>
void add(const SketchWords& words, const SketchShape& shape, T scale, const T* a, Index n_rows, Index first_global,
         Index* offsets, T* factors, T* out) {
  const Index step = place_rows(shape.nonzeros);
  for (Index begin = 0; begin < n_rows; begin += step) {
    const Index rows = n_rows - begin < step ? n_rows - begin : step;
    const auto first = static_cast<std::uint64_t>(first_global + begin) * static_cast<std::uint64_t>(shape.nonzeros);
    draw_places<T>(words, shape, scale, first, rows * shape.nonzeros, {offsets, factors});
    for (Index j = 0; j < rows; ++j) {
      const Places<T> places{offsets + j * shape.nonzeros, factors + j * shape.nonzeros};
      add_columns<panel_vectors>(hn::ScalableTag<T>(), a + (begin + j) * shape.columns, shape, 0, places, out);
    }
  }
}

}  // namespace

SketchKernels<float> sketch_kernels_f32() {
  return {.add = add<float>};
}
SketchKernels<double> sketch_kernels_f64() {
  return {.add = add<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#endif
