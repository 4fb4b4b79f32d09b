// Packed rows compared word by word with a population count, compiled once for each instruction set (no #pragma once:
// the guard below toggles). No std:: function is called here: an inline one compiled for a newer instruction set could
// be the copy the linker keeps for everybody.
#if defined(BREAKEVEN_HAMMING_POPCOUNT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_HAMMING_POPCOUNT_INL
#undef BREAKEVEN_HAMMING_POPCOUNT_INL
#else
#define BREAKEVEN_HAMMING_POPCOUNT_INL
#endif

#include <hwy/highway.h>

#include "numerics/hamming_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile is tile_rows rows of A times tile_vectors vectors of rows of B, a row a lane. B is packed word by word:
//
//   tile 0                                          tile 1
//   word 0 of rows 0..c-1 | word 1 of rows 0..c-1 | word 0 of rows c..2c-1 | ...         c = tile_vectors x lanes
//
// An accumulator starts at -(radius + 1), so that its sign says whether the pair passes, and one OR over the tile
// whether any does. What happens then is rare and stands aside (finish), on copies of the accumulators: their address
// must not be taken, or they would live in memory.
struct PopcountLoops {
  using D = hn::ScalableTag<Word>;
  using DI = hn::ScalableTag<Index>;
  using V = hn::VFromD<D>;
#if HWY_TARGET == HWY_AVX3_DL
  static constexpr bool native = true;                   // counts the bits of a word by one instruction
  static constexpr int tile_rows = 6, tile_vectors = 4;  // 24 accumulators, 4 words of B and one of A of 32 registers
#else
  static constexpr bool native = false;
  static constexpr int tile_rows = 2, tile_vectors = 2;
#endif
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D{}));
  static constexpr Index tile_columns = lanes * tile_vectors;
  static constexpr Index vectors = Index{tile_rows} * tile_vectors;
  static constexpr Index most_radius = Index{1} << 39;

  struct TileRows {
    const Word* row[tile_rows];  ///< rows beyond the last repeat it
    Index first, count;          ///< number of the first one in its matrix; how many are real
  };
  struct Place {
    Index column;  ///< of the tile's first row of B among the packed ones
    const Word* b;
  };

  /// g++ would load a broadcast word once for every use of it, and keep the counts of several words in memory to add
  /// them up later: this forbids it.
  static HWY_INLINE V in_register(V v) {
#if HWY_ARCH_X86
    asm("" : "+v"(v.raw));
#endif
    return v;
  }

  /// Bits set in each byte, or in the whole word where that is one instruction.
  static HWY_INLINE V count_bits(V v) {
    if constexpr (native) {
      return hn::PopulationCount(v);
    } else {
      const D d;
      const V pairs = hn::Set(d, 0x5555555555555555), nibbles = hn::Set(d, 0x3333333333333333);
      v = hn::Sub(v, hn::And(hn::ShiftRight<1>(v), pairs));
      v = hn::Add(hn::And(v, nibbles), hn::And(hn::ShiftRight<2>(v), nibbles));
      return hn::And(hn::Add(v, hn::ShiftRight<4>(v)), hn::Set(d, 0x0f0f0f0f0f0f0f0f));
    }
  }
  /// Sum of the bytes of each word.
  static HWY_INLINE V sum_bytes(V v) {
    const D d;
    const V even = hn::Set(d, 0x00ff00ff00ff00ff);
    v = hn::Add(hn::And(v, even), hn::And(hn::ShiftRight<8>(v), even));
    v = hn::Add(v, hn::ShiftRight<16>(v));
    return hn::And(hn::Add(v, hn::ShiftRight<32>(v)), hn::Set(d, 0xffff));
  }

  static HWY_INLINE void add_word(const TileRows& a, Index word, const Word* b, V (&sum)[tile_rows][tile_vectors]) {
    const D d;
    V columns[tile_vectors];
#pragma GCC unroll 4
    for (int c = 0; c < tile_vectors; ++c) columns[c] = hn::Load(d, b + c * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r) {
      const V mine = in_register(hn::Set(d, a.row[r][word]));
#pragma GCC unroll 4
      for (int c = 0; c < tile_vectors; ++c)
        sum[r][c] = in_register(hn::Add(sum[r][c], count_bits(hn::Xor(mine, columns[c]))));
    }
  }
  /// sum += counts of n words, N of them if N is not 0. Counts by bytes hold 31 words: a byte holds no more than 255.
  template <Index N>
  static HWY_INLINE void add_counts(const TileRows& a, Index word, Index n, const Word* b,
                                    V (&sum)[tile_rows][tile_vectors]) {
    if constexpr (N > 0) {
#pragma GCC unroll 4
      for (Index w = 0; w < N; ++w) add_word(a, word + w, b + w * tile_columns, sum);
    } else {
      for (Index w = word; w < word + n; ++w, b += tile_columns) add_word(a, w, b, sum);
    }
  }

  /// sum += bits that differ in the words [word, word + n).
  template <Index N>
  static HWY_INLINE void add_distances(const TileRows& a, Index word, Index n, const Word* b,
                                       V (&sum)[tile_rows][tile_vectors]) {
    b += word * tile_columns;
    if constexpr (native) {
      add_counts<N>(a, word, n, b, sum);
    } else {
      const D d;
      const Index words = N > 0 ? N : n;
      for (Index done = 0; done < words; done += 31) {
        V bytes[tile_rows][tile_vectors];
        for (int r = 0; r < tile_rows; ++r)
          for (int c = 0; c < tile_vectors; ++c) bytes[r][c] = hn::Zero(d);
        add_counts<0>(a, word + done, words - done < 31 ? words - done : 31, b + done * tile_columns, bytes);
        for (int r = 0; r < tile_rows; ++r)
          for (int c = 0; c < tile_vectors; ++c) sum[r][c] = hn::Add(sum[r][c], sum_bytes(bytes[r][c]));
      }
    }
  }

  static HWY_INLINE void fill(V (&sum)[tile_rows][tile_vectors], Index value) {
    const V v = hn::Set(D{}, static_cast<Word>(value));
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
      for (int c = 0; c < tile_vectors; ++c) sum[r][c] = v;
  }
  static HWY_INLINE bool any_negative(const V (&sum)[tile_rows][tile_vectors]) {
    V any = hn::Zero(D{});
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
      for (int c = 0; c < tile_vectors; c += 2) any = hn::Or3(any, sum[r][c], sum[r][c + 1]);
    return !hn::AllFalse(DI{}, hn::Lt(hn::BitCast(DI{}, any), hn::Zero(DI{})));
  }
  static HWY_INLINE void store(const V (&sum)[tile_rows][tile_vectors], Word* to) {
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 4
      for (int c = 0; c < tile_vectors; ++c) hn::Store(sum[r][c], D{}, to + (r * tile_vectors + c) * lanes);
  }

  /// Reports the pairs whose accumulators, one after the other in `sums`, are negative.
  static void report(const HammingBlock& block, const TileRows& a, Index column, Index radius, const Index* sums,
                     PairBuffer& found) {
    // Where pairs are few, finding them is the cost: a branch for each lane of a row that has any, and no other.
    static_assert(tile_rows * lanes <= 64);
    const DI d;
    Word lanes_with_pairs = 0;
    for (Index r = 0; r < tile_rows; ++r) {
      auto any = hn::Zero(d);
      for (Index c = 0; c < tile_vectors; ++c) any = hn::Or(any, hn::Load(d, sums + (r * tile_vectors + c) * lanes));
      uint8_t bits[8] = {};
      hn::StoreMaskBits(d, hn::Lt(any, hn::Zero(d)), bits);
      Word of_row = 0;
      __builtin_memcpy(&of_row, bits, sizeof of_row);
      lanes_with_pairs |= of_row << (r * lanes);
    }
    for (; lanes_with_pairs != 0; lanes_with_pairs &= lanes_with_pairs - 1) {
      const Index at = __builtin_ctzll(lanes_with_pairs), r = at / lanes, lane = at % lanes;
      const Index* const of_lane = sums + r * tile_columns + lane;
      unsigned vectors_with_pairs = 0;
      for (int c = 0; c < tile_vectors; ++c)
        vectors_with_pairs |= static_cast<unsigned>(static_cast<Word>(of_lane[c * lanes]) >> 63) << c;
      for (; vectors_with_pairs != 0; vectors_with_pairs &= vectors_with_pairs - 1) {
        const Index c = __builtin_ctz(vectors_with_pairs), in_tile = c * lanes + lane;
        const Index i = a.first + r, j = block.first_b + column + in_tile;
        if (r >= a.count || column + in_tile >= block.n_b || (block.triangle && j <= i)) continue;
        found.add(i, j, of_lane[c * lanes] + radius + 1);
      }
    }
  }

  /// The later stages of a tile of which some pair has passed the first.
  static HWY_NOINLINE void finish(const HammingBlock& block, const HammingStage* stages, Index n_stages,
                                  const TileRows& a, const Place& place, Word* sums, PairBuffer& found) {
    const D d;
    const DI di;
    ++found.tiles_beyond_first;
    for (Index s = 1; s < n_stages; ++s) {
      V sum[tile_rows][tile_vectors];
      const V shift = hn::Set(d, static_cast<Word>(stages[s - 1].radius - stages[s].radius));
      for (int r = 0; r < tile_rows; ++r)
        for (int c = 0; c < tile_vectors; ++c) {
          const V old = hn::Load(d, sums + (r * tile_vectors + c) * lanes);
          const auto passes = hn::Lt(hn::BitCast(di, old), hn::Zero(di));
          // A pair that has failed stays at zero or above, since differences only add up.
          sum[r][c] = hn::Add(old, hn::IfThenElseZero(hn::RebindMask(d, passes), shift));
        }
      add_distances<0>(a, stages[s - 1].words, stages[s].words - stages[s - 1].words, place.b, sum);
      if (!any_negative(sum)) return;
      store(sum, sums);
    }
    report(block, a, place.column, stages[n_stages - 1].radius, reinterpret_cast<const Index*>(sums), found);
  }

  /// One strip of tiles: a few rows of A and all of B. The first stage has W words, any number if that is 0.
  template <Index W>
  static HWY_NOINLINE void scan_strip(const HammingBlock& block, const HammingStage* stages, Index n_stages,
                                      const TileRows& a, Word* sums, PairBuffer& found) {
    const Index first = block.triangle && a.first >= block.first_b ? (a.first + 1 - block.first_b) / tile_columns : 0;
    const Index step = block.b_words * tile_columns, radius = stages[0].radius, words = stages[0].words;
    Place place{first * tile_columns, block.b + first * step};
    for (; place.column < block.n_b; place.column += tile_columns, place.b += step) {
      V sum[tile_rows][tile_vectors];
      fill(sum, -(radius + 1));
      add_distances<W>(a, 0, words, place.b, sum);
      if (HWY_LIKELY(!any_negative(sum))) continue;
      store(sum, sums);
      finish(block, stages, n_stages, a, place, sums, found);
      if (found.stopped) return;
    }
  }

  static void scan(const HammingBlock& block, const HammingStage* stages, Index n_stages, Word* scratch,
                   PairBuffer& found) {
    static_assert(vectors * lanes <= 24 * 8);
    HWY_ALIGN Word sums[24 * 8];
    (void)scratch;
    for (Index i = 0; i < block.n_a && !found.stopped; i += tile_rows) {
      TileRows a{};
      a.first = i;
      a.count = block.n_a - i < tile_rows ? block.n_a - i : tile_rows;
      for (Index r = 0; r < tile_rows; ++r) a.row[r] = block.a + (i + (r < a.count ? r : a.count - 1)) * block.a_stride;
      switch (native ? stages[0].words : 0) {
        case 1:
          scan_strip<1>(block, stages, n_stages, a, sums, found);
          break;
        case 2:
          scan_strip<2>(block, stages, n_stages, a, sums, found);
          break;
        case 3:
          scan_strip<3>(block, stages, n_stages, a, sums, found);
          break;
        case 4:
          scan_strip<4>(block, stages, n_stages, a, sums, found);
          break;
        default:
          scan_strip<0>(block, stages, n_stages, a, sums, found);
      }
    }
  }

  static void pack(const Word* b, Index stride, Index rows, Index words, Word* packed) {
    for (Index column = 0; column < rows; column += tile_columns)
      for (Index w = 0; w < words; ++w)
        for (Index c = 0; c < tile_columns; ++c) *packed++ = column + c < rows ? b[(column + c) * stride + w] : Word{0};
  }

  static HammingKernel kernel() {
    return {hwy::TargetName(HWY_TARGET), tile_rows, tile_columns, 8, most_radius, &pack, &scan};
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
