// Packed rows compared by a product of bytes, compiled once for each instruction set (no #pragma once: the guard below
// toggles). No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the
// linker keeps for everybody.
#if defined(BREAKEVEN_HAMMING_INT8_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_HAMMING_INT8_INL
#undef BREAKEVEN_HAMMING_INT8_INL
#else
#define BREAKEVEN_HAMMING_INT8_INL
#endif

#include <hwy/highway.h>

#include "numerics/hamming_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The four bits of x as bytes 0 and 1, lowest first; and as signs +1 and -1.
alignas(64) inline constexpr uint8_t nibble_bytes[16][4] = {
    {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {1, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 1, 0}, {0, 1, 1, 0}, {1, 1, 1, 0},
    {0, 0, 0, 1}, {1, 0, 0, 1}, {0, 1, 0, 1}, {1, 1, 0, 1}, {0, 0, 1, 1}, {1, 0, 1, 1}, {0, 1, 1, 1}, {1, 1, 1, 1}};
alignas(64) inline constexpr int8_t nibble_signs[16][4] = {
    {1, 1, 1, 1},   {-1, 1, 1, 1},   {1, -1, 1, 1},   {-1, -1, 1, 1},  {1, 1, -1, 1},  {-1, 1, -1, 1},
    {1, -1, -1, 1}, {-1, -1, -1, 1}, {1, 1, 1, -1},   {-1, 1, 1, -1},  {1, -1, 1, -1}, {-1, -1, 1, -1},
    {1, 1, -1, -1}, {-1, 1, -1, -1}, {1, -1, -1, -1}, {-1, -1, -1, -1}};

// The product of a row of A as signs x_k = 1 - 2 a_k and one of B as bits b_k is the distance less the bits of A:
//   sum of x_k b_k = sum of (a_k + b_k - 2 a_k b_k) - a_k = |a xor b| - |a|
// so bytes of A are signed, bytes of B are not, and an accumulator that starts at |a| - (radius + 1) ends below zero
// where the pair is within the radius. Four coordinates of a row are one 32-bit lane, as vpdpbusd wants them:
//
//   tile 0: coordinates 0..3 of rows 0..c-1 | coordinates 4..7 of rows 0..c-1 | ...     c = tile_columns
struct Int8Loops {
  using D = hn::ScalableTag<int32_t>;
  using V = hn::VFromD<D>;
#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX3
  static constexpr int tile_rows = 6, tile_vectors = 4;
#else
  static constexpr int tile_rows = 2, tile_vectors = 4;
#endif
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D{}));
  static constexpr Index tile_columns = lanes * tile_vectors;
  static constexpr Index quads = 16;  // groups of four coordinates in a word
  static constexpr Index cells = Index{tile_rows} * tile_columns;

  struct TileRows {
    const int32_t* signs;      ///< [group of four][row of the tile]
    int32_t start[tile_rows];  ///< of the accumulators
    Index first, count;        ///< number of the first row in its matrix; how many are real
  };
  struct Place {
    Index column;  ///< of the tile's first row of B among the packed ones
    const int32_t* b;
  };

#if HWY_TARGET == HWY_AVX3_DL
  static constexpr Index groups_at_once = Index{1} << 40;
  /// sum += four products a lane: bytes of b times signs. Processors that run this target have the instruction, but
  /// Highway 1.0.3 forgets to tell the compiler.
  static HWY_INLINE V multiply_add(V sum, V signs, V b) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(b.raw), "v"(signs.raw));
    return sum;
  }
  static HWY_INLINE V widen(V sum) {
    return sum;
  }
#elif HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  // The same in two sums of 16 bits a lane, each of two products from -1 to 1.
  static constexpr Index groups_at_once = 16383;
  static HWY_INLINE V multiply_add(V sum, V signs, V b) {
#if HWY_TARGET == HWY_AVX3
    return V{_mm512_add_epi16(sum.raw, _mm512_maddubs_epi16(b.raw, signs.raw))};
#else
    return V{_mm256_add_epi16(sum.raw, _mm256_maddubs_epi16(b.raw, signs.raw))};
#endif
  }
  static HWY_INLINE V widen(V sum) {
    return hn::Add(hn::ShiftRight<16>(sum), hn::ShiftRight<16>(hn::ShiftLeft<16>(sum)));
  }
#elif HWY_TARGET == HWY_SCALAR
  static constexpr Index groups_at_once = Index{1} << 40;
  static HWY_INLINE V multiply_add(V sum, V signs, V b) {
    for (int shift = 0; shift < 32; shift += 8)
      sum.raw += static_cast<int8_t>(signs.raw >> shift) * static_cast<int8_t>(b.raw >> shift);
    return sum;
  }
  static HWY_INLINE V widen(V sum) {
    return sum;
  }
#else
  // The same in four sums of 8 bits a lane: a sign counts where b, 0 or 1, is 1.
  static constexpr Index groups_at_once = 127;
  static HWY_INLINE V multiply_add(V sum, V signs, V b) {
    const hn::Repartition<int8_t, D> bytes;
    const auto mask = hn::Neg(hn::BitCast(bytes, b));
    return hn::BitCast(D{}, hn::Add(hn::BitCast(bytes, sum), hn::And(hn::BitCast(bytes, signs), mask)));
  }
  static HWY_INLINE V widen(V sum) {
    const V first = hn::ShiftRight<24>(hn::ShiftLeft<24>(sum)), second = hn::ShiftRight<24>(hn::ShiftLeft<16>(sum));
    return hn::Add(hn::Add(first, second), hn::Add(hn::ShiftRight<24>(hn::ShiftLeft<8>(sum)), hn::ShiftRight<24>(sum)));
  }
#endif

  /// sum += products of the groups [begin, end).
  static HWY_INLINE void multiply(const TileRows& a, const int32_t* b, Index begin, Index end,
                                  V (&sum)[tile_rows][tile_vectors]) {
    const D d;
    for (Index k = begin; k < end; ++k) {
      V columns[tile_vectors];
#pragma GCC unroll 4
      for (int c = 0; c < tile_vectors; ++c) columns[c] = hn::Load(d, b + k * tile_columns + c * lanes);
#pragma GCC unroll 8
      for (int r = 0; r < tile_rows; ++r) {
        const V mine = hn::Set(d, a.signs[k * tile_rows + r]);
#pragma GCC unroll 4
        for (int c = 0; c < tile_vectors; ++c) sum[r][c] = multiply_add(sum[r][c], mine, columns[c]);
      }
    }
  }

  static HWY_INLINE void multiply_all(const TileRows& a, const int32_t* b, Index groups,
                                      V (&sum)[tile_rows][tile_vectors]) {
    const D d;
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
      for (int c = 0; c < tile_vectors; ++c) sum[r][c] = hn::Set(d, a.start[r]);
    if constexpr (groups_at_once > (Index{1} << 30)) {
      multiply(a, b, 0, groups, sum);
    } else {
      for (Index begin = 0; begin < groups; begin += groups_at_once) {
        V part[tile_rows][tile_vectors];
        for (int r = 0; r < tile_rows; ++r)
          for (int c = 0; c < tile_vectors; ++c) part[r][c] = hn::Zero(d);
        multiply(a, b, begin, groups - begin < groups_at_once ? groups : begin + groups_at_once, part);
        for (int r = 0; r < tile_rows; ++r)
          for (int c = 0; c < tile_vectors; ++c) sum[r][c] = hn::Add(sum[r][c], widen(part[r][c]));
      }
    }
  }

  /// Reports the pairs whose accumulators, in `sums`, are negative.
  static HWY_NOINLINE void report(const HammingBlock& block, const TileRows& a, Index column, Index radius,
                                  const int32_t* sums, PairBuffer& found) {
    for (Index r = 0; r < a.count; ++r)
      for (Index c = 0; c < tile_columns && column + c < block.n_b; ++c) {
        const Index i = a.first + r, j = block.first_b + column + c, sum = sums[r * tile_columns + c];
        if (sum < 0 && !(block.triangle && j <= i)) found.add(i, j, sum + radius + 1);
      }
  }

  static HWY_NOINLINE void scan_strip(const HammingBlock& block, const HammingStage& stage, const TileRows& a,
                                      int32_t* sums, PairBuffer& found) {
    const D d;
    const Index first = block.triangle && a.first >= block.first_b ? (a.first + 1 - block.first_b) / tile_columns : 0;
    const Index step = block.b_words * quads * tile_columns;
    Place place{first * tile_columns, reinterpret_cast<const int32_t*>(block.b) + first * step};
    for (; place.column < block.n_b && !found.stopped; place.column += tile_columns, place.b += step) {
      V sum[tile_rows][tile_vectors];
      multiply_all(a, place.b, stage.words * quads, sum);
      V any = hn::Zero(d);
#pragma GCC unroll 8
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < tile_vectors; c += 2) any = hn::Or3(any, sum[r][c], sum[r][c + 1]);
      if (HWY_LIKELY(hn::AllFalse(d, hn::Lt(any, hn::Zero(d))))) continue;
#pragma GCC unroll 8
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < tile_vectors; ++c) hn::Store(sum[r][c], d, sums + (r * tile_vectors + c) * lanes);
      report(block, a, place.column, stage.radius, sums, found);
    }
  }

  /// Rows of A as signs, and where their accumulators start.
  static TileRows unpack_rows(const HammingBlock& block, const HammingStage& stage, Index i, int32_t* signs) {
    TileRows a{signs, {}, i, block.n_a - i < tile_rows ? block.n_a - i : tile_rows};
    for (Index r = 0; r < tile_rows; ++r) {
      const Word* const row = block.a + (i + (r < a.count ? r : a.count - 1)) * block.a_stride;
      Index bits = 0;
      for (Index w = 0; w < stage.words; ++w) {
        bits += __builtin_popcountll(row[w]);
        for (Index k = 0; k < quads; ++k)
          __builtin_memcpy(signs + (w * quads + k) * tile_rows + r, nibble_signs[row[w] >> (4 * k) & 15], 4);
      }
      a.start[r] = static_cast<int32_t>(bits - (stage.radius + 1));
    }
    return a;
  }

  static void scan(const HammingBlock& block, const HammingStage* stages, Index n_stages, Word* scratch,
                   PairBuffer& found) {
    static_assert(quads * tile_rows * 4 <= hamming_scratch_words * 8);
    (void)n_stages;
    HWY_ALIGN int32_t sums[cells];
    for (Index i = 0; i < block.n_a && !found.stopped; i += tile_rows) {
      const TileRows a = unpack_rows(block, stages[0], i, reinterpret_cast<int32_t*>(scratch));
      scan_strip(block, stages[0], a, sums, found);
    }
  }

  static void pack(const Word* b, Index stride, Index rows, Index words, Word* packed) {
    uint8_t* to = reinterpret_cast<uint8_t*>(packed);
    for (Index column = 0; column < rows; column += tile_columns)
      for (Index w = 0; w < words; ++w)
        for (Index k = 0; k < quads; ++k)
          for (Index c = 0; c < tile_columns; ++c, to += 4) {
            const Word word = column + c < rows ? b[(column + c) * stride + w] : Word{0};
            __builtin_memcpy(to, nibble_bytes[word >> (4 * k) & 15], 4);
          }
  }

  static HammingKernel kernel() {
    return {hwy::TargetName(HWY_TARGET), tile_rows, tile_columns, 64, Index{1} << 30, &pack, &scan};
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
