// The loops of sketch_kernels.hpp, compiled once for each instruction set (no #pragma once: the guard below toggles).
// No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the linker
// keeps for everybody.
#if defined(BREAKEVEN_SKETCH_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_SKETCH_KERNELS_INL
#undef BREAKEVEN_SKETCH_KERNELS_INL
#else
#define BREAKEVEN_SKETCH_KERNELS_INL
#endif

#include <hwy/highway.h>

#include "numerics/fetch.hpp"
#include "numerics/philox-inl.hpp"
#include "numerics/sketch_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

// Internal, so that other kernels may use the same short names in this namespace.
namespace {

// Of what is fetched of A: about what arrives within one memory latency. Not much more, since rows of the sketch drive
// it out of the first-level cache again.
inline constexpr Index ahead_bytes = 6144;
inline constexpr Index panel_vectors = 8;  // of a row of A, held in registers while they are added everywhere

/// Where the nonzeros of some rows go, in their order, and what the rows are multiplied by there.
template <class T>
struct Places {
  std::uint32_t* within;  ///< row in the block of the sketch
  T* factors;
};

/// Four words of each counter next to each other, counter by counter.
HWY_INLINE void store_words(const hn::Vec<Words>* words, std::uint32_t* out) {
#if HWY_TARGET == HWY_SCALAR
  for (int w = 0; w < 4; ++w) out[w] = static_cast<std::uint32_t>(hn::GetLane(words[w]));
#else
  const hn::Repartition<std::uint32_t, Words> halves;
  const auto low = hn::BitCast(halves, hn::Or(words[0], hn::ShiftLeft<32>(words[1])));
  const auto high = hn::BitCast(halves, hn::Or(words[2], hn::ShiftLeft<32>(words[3])));
  const hn::Repartition<std::uint64_t, decltype(halves)> pairs;
  hn::StoreInterleaved2(hn::BitCast(pairs, low), hn::BitCast(pairs, high), pairs,
                        reinterpret_cast<std::uint64_t*>(out));
#endif
}

/// +-scale, minus where the lowest bit of the word is set.
HWY_INLINE void store_factors(const hn::Vec<Words>* words, double scale, double* out) {
  const hn::Rebind<double, Words> d;
  const auto plus = hn::Set(d, scale);
  const auto factor = [&](int w) HWY_ATTR { return hn::Xor(plus, hn::BitCast(d, hn::ShiftLeft<63>(words[w]))); };
  hn::StoreInterleaved4(factor(0), factor(1), factor(2), factor(3), d, out);
}
HWY_INLINE void store_factors(const hn::Vec<Words>* words, float scale, float* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> bits;
  constexpr auto lanes = static_cast<Index>(hn::MaxLanes(hn::ScalableTag<float>()));
  alignas(64) std::uint32_t ordered[4 * philox_lanes];
  store_words(words, ordered);
  for (Index i = 0; i < 4 * philox_lanes; i += lanes)
    hn::StoreU(hn::Xor(hn::Set(d, scale), hn::BitCast(d, hn::ShiftLeft<31>(hn::Load(bits, ordered + i)))), d, out + i);
}

/// Places of `count` words on from the beginning of counter `counter`, and up to a vector of counters more.
template <class T>
HWY_INLINE void draw_places(const SketchWords& words, const SketchShape& shape, T scale, std::uint64_t counter,
                            Index count, const Places<T>& places) {
  const auto height = hn::Set(Words(), static_cast<std::uint64_t>(shape.height));
  for (Index at = 0; at < count; at += 4 * philox_lanes, counter += philox_lanes) {
    hn::Vec<Words> drawn[4], within[4];
    draw_words(words.seed, words.stream, counter, drawn);
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) within[w] = hn::ShiftRight<31>(multiply_words(hn::ShiftRight<1>(drawn[w]), height));
    store_words(within, places.within + at);
    store_factors(drawn, scale, places.factors + at);
  }
}

/// Asks for what lies behind V vectors of A.
template <Index V, class D, class T = hn::TFromD<D>>
HWY_INLINE void fetch_panel(D, const T* a) {
  constexpr Index bytes = V * static_cast<Index>(hn::MaxLanes(D()) * sizeof(T));
#pragma GCC unroll 8
  for (Index byte = 0; byte < bytes; byte += line_bytes)
    fetch_ahead(reinterpret_cast<const char*>(a) + ahead_bytes + byte);
}

/// V vectors of one row of A, times its factors, added to the places of its nonzeros.
template <Index V, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_panel(D d, const T* a, const SketchShape& shape, const Places<T>& places, T* out) {
  constexpr auto lanes = static_cast<Index>(hn::MaxLanes(D()));
  fetch_panel<V>(d, a);
  hn::Vec<D> row[V];
#pragma GCC unroll 8
  for (Index v = 0; v < V; ++v) row[v] = hn::LoadU(d, a + v * lanes);
  const Index nonzeros = shape.nonzeros, columns = shape.columns, block = shape.height * columns;
  for (Index k = 0; k < nonzeros; ++k, out += block) {
    T* place = out + static_cast<Index>(places.within[k]) * columns;
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
  for (; c + V * lanes <= shape.columns; c += V * lanes) add_panel<V>(d, a + c, shape, places, out + c);
  if (c == shape.columns) return;
  if constexpr (V > 1)
    add_columns<V / 2>(d, a, shape, c, places, out);
  else if constexpr (lanes > 1)
    add_columns<1>(hn::Half<D>(), a, shape, c, places, out);
}

/// Two rows with one nonzero each, side by side: while one row of the sketch is on its way from a farther cache, the
/// other is added to. They may go to the same place.
template <class T>
HWY_INLINE void add_two_rows(const T* a, const SketchShape& shape, const Places<T>& places, T* out) {
  const hn::ScalableTag<T> d;
  constexpr auto lanes = static_cast<Index>(hn::MaxLanes(hn::ScalableTag<T>()));
  constexpr Index vectors = panel_vectors / 2, width = vectors * lanes;
  const Index columns = shape.columns;
  const T* const rows[2] = {a, a + columns};
  T* const to[2] = {out + static_cast<Index>(places.within[0]) * columns,
                    out + static_cast<Index>(places.within[1]) * columns};
  const hn::Vec<decltype(d)> factors[2] = {hn::Set(d, places.factors[0]), hn::Set(d, places.factors[1])};
  Index c = 0;
  for (; c + width <= columns; c += width) {
#pragma GCC unroll 2
    for (const T* const row : rows) fetch_panel<vectors>(d, row + c);
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r)
#pragma GCC unroll 8
      for (Index v = 0; v < vectors; ++v) {
        T* const place = to[r] + c + v * lanes;
        hn::StoreU(hn::MulAdd(factors[r], hn::LoadU(d, rows[r] + c + v * lanes), hn::LoadU(d, place)), d, place);
      }
  }
  if (c == columns) return;
  for (int r = 0; r < 2; ++r)
    add_columns<panel_vectors / 2>(d, rows[r], shape, c, Places<T>{places.within + r, places.factors + r}, out);
}

template <class T>
void add(const SketchWords& words, const SketchShape& shape, T scale, const T* a, Index n_rows, Index first_global,
         std::uint32_t* within, T* factors, T* out) {
  const Index step = place_rows(shape.nonzeros);
  for (Index begin = 0; begin < n_rows; begin += step) {
    const Index rows = n_rows - begin < step ? n_rows - begin : step;
    const auto first = static_cast<std::uint64_t>(first_global + begin) * static_cast<std::uint64_t>(shape.nonzeros);
    const auto skipped = static_cast<Index>(first % 4);  // the first counter may begin before the first word
    draw_places<T>(words, shape, scale, first / 4, skipped + rows * shape.nonzeros, {within, factors});
    for (Index j = 0; j < rows;) {
      const Index at = skipped + j * shape.nonzeros;
      const Places<T> own{within + at, factors + at};
      const T* const row = a + (begin + j) * shape.columns;
      if (shape.nonzeros == 1 && j + 1 < rows) {
        add_two_rows(row, shape, own, out);
        j += 2;
      } else {
        add_columns<panel_vectors>(hn::ScalableTag<T>(), row, shape, 0, own, out);
        ++j;
      }
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
