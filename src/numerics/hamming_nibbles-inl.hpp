// Packed rows compared four bits at a time by table look-ups, for instruction sets that shuffle bytes by a register but
// count no bits of words. Compiled once for each of them (no #pragma once: the guard below toggles). No std:: function
// is called here: an inline one compiled for a newer instruction set could be the copy the linker keeps for everybody.
#if defined(BREAKEVEN_HAMMING_NIBBLES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_HAMMING_NIBBLES_INL
#undef BREAKEVEN_HAMMING_NIBBLES_INL
#else
#define BREAKEVEN_HAMMING_NIBBLES_INL
#endif

#include <hwy/highway.h>

#include "numerics/hamming_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Row x: in how many bits x differs from 0, 1, ..., 15.
alignas(64) inline constexpr uint8_t nibble_distances[16][16] = {
    {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4}, {1, 0, 2, 1, 2, 1, 3, 2, 2, 1, 3, 2, 3, 2, 4, 3},
    {1, 2, 0, 1, 2, 3, 1, 2, 2, 3, 1, 2, 3, 4, 2, 3}, {2, 1, 1, 0, 3, 2, 2, 1, 3, 2, 2, 1, 4, 3, 3, 2},
    {1, 2, 2, 3, 0, 1, 1, 2, 2, 3, 3, 4, 1, 2, 2, 3}, {2, 1, 3, 2, 1, 0, 2, 1, 3, 2, 4, 3, 2, 1, 3, 2},
    {2, 3, 1, 2, 1, 2, 0, 1, 3, 4, 2, 3, 2, 3, 1, 2}, {3, 2, 2, 1, 2, 1, 1, 0, 4, 3, 3, 2, 3, 2, 2, 1},
    {1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3}, {2, 1, 3, 2, 3, 2, 4, 3, 1, 0, 2, 1, 2, 1, 3, 2},
    {2, 3, 1, 2, 3, 4, 2, 3, 1, 2, 0, 1, 2, 3, 1, 2}, {3, 2, 2, 1, 4, 3, 3, 2, 2, 1, 1, 0, 3, 2, 2, 1},
    {2, 3, 3, 4, 1, 2, 2, 3, 1, 2, 2, 3, 0, 1, 1, 2}, {3, 2, 4, 3, 2, 1, 3, 2, 2, 1, 3, 2, 1, 0, 2, 1},
    {3, 4, 2, 3, 2, 3, 1, 2, 2, 3, 1, 2, 1, 2, 0, 1}, {4, 3, 3, 2, 3, 2, 2, 1, 3, 2, 2, 1, 2, 1, 1, 0}};

// A row of B is a lane of bytes; B is packed nibble by nibble, a byte each:
//
//   tile 0                                                tile 1
//   nibble 0 of rows 0..c-1 | nibble 1 of rows 0..c-1 | ... | nibble 0 of rows c..2c-1 | ...
//
// A nibble of a row of A chooses a table of 16 distances; the nibbles of B look up theirs in it: a shuffle and an add
// for 4 bits of as many pairs as a vector has bytes. Accumulators are bytes that stop at 255, enough for radii up to
// 254; `wide` ones are emptied into 16 bits every three words (192 bits), and good for radii up to 65534.
// Source: the table look-ups of Andre, Kermarrec, Le Scouarnec (2017), Quick(er) ADC, with distances of nibbles.
template <bool wide>
struct NibbleLoops {
  using D = hn::ScalableTag<uint8_t>;
  using DW = hn::ScalableTag<uint16_t>;
  using V = hn::VFromD<D>;
  using VW = hn::VFromD<DW>;
  static constexpr int tile_rows = 4, tile_vectors = 2;  // 8 accumulators, 4 tables, 2 vectors of B of 16 registers
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D{}));
  static constexpr Index tile_columns = lanes * tile_vectors;
  static constexpr Index nibbles = 16;  // of a word
  static constexpr Index cells = Index{tile_rows} * tile_columns;
  static constexpr Index halves = wide ? 2 : 1;  // vectors of sums for a vector of rows: its even lanes, its odd ones

  struct TileRows {
    const uint8_t* tables;  ///< [nibble][row of the tile]: where its table begins
    Index first, count;     ///< number of the first row in its matrix; how many are real
  };
  struct Place {
    Index column;  ///< of the tile's first row of B among the packed ones
    const uint8_t* b;
  };

  static HWY_INLINE void clear(V (&sum)[tile_rows][tile_vectors]) {
#pragma GCC unroll 4
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 2
      for (int c = 0; c < tile_vectors; ++c) sum[r][c] = hn::Zero(D{});
  }

  /// sum += bits that differ in the nibbles [begin, end).
  static HWY_INLINE void add_nibbles(const TileRows& a, const uint8_t* b, Index begin, Index end,
                                     V (&sum)[tile_rows][tile_vectors]) {
    const D d;
    const uint8_t* table = a.tables + begin * tile_rows;
    b += begin * tile_columns;
#pragma GCC unroll 2
    for (Index k = begin; k < end; ++k, b += tile_columns, table += tile_rows) {
      const V low = hn::Load(d, b), high = hn::Load(d, b + lanes);
#pragma GCC unroll 4
      for (int r = 0; r < tile_rows; ++r) {
        const V distances = hn::LoadDup128(d, &nibble_distances[0][0] + table[r]);
        sum[r][0] = hn::SaturatedAdd(sum[r][0], hn::TableLookupBytes(distances, low));
        sum[r][1] = hn::SaturatedAdd(sum[r][1], hn::TableLookupBytes(distances, high));
      }
    }
  }

  static HWY_INLINE uint8_t* cell(uint8_t* sums, int r, int c) {
    return sums + (r * tile_vectors + c) * halves * lanes;
  }
  static HWY_INLINE uint16_t* wide_cell(uint8_t* sums, int r, int c, int half) {
    return reinterpret_cast<uint16_t*>(cell(sums, r, c) + half * lanes);
  }

  /// The sums in memory += bits that differ in the words [begin, end).
  static HWY_INLINE void add_words(const TileRows& a, const uint8_t* b, Index begin, Index end, uint8_t* sums) {
    [[maybe_unused]] const D d;
    [[maybe_unused]] const DW dw;
    V sum[tile_rows][tile_vectors];
    if constexpr (!wide) {
      for (int r = 0; r < tile_rows; ++r)
        for (int c = 0; c < tile_vectors; ++c) sum[r][c] = hn::Load(d, cell(sums, r, c));
      add_nibbles(a, b, begin * nibbles, end * nibbles, sum);
      for (int r = 0; r < tile_rows; ++r)
        for (int c = 0; c < tile_vectors; ++c) hn::Store(sum[r][c], d, cell(sums, r, c));
    } else {
      for (Index next = begin; begin < end; begin = next) {
        next = end - begin < 3 ? end : begin + 3;
        clear(sum);
        add_nibbles(a, b, begin * nibbles, next * nibbles, sum);
        for (int r = 0; r < tile_rows; ++r)
          for (int c = 0; c < tile_vectors; ++c) {
            const VW both = hn::BitCast(dw, sum[r][c]);
            uint16_t *even = wide_cell(sums, r, c, 0), *odd = wide_cell(sums, r, c, 1);
            hn::Store(hn::SaturatedAdd(hn::Load(dw, even), hn::And(both, hn::Set(dw, 0xff))), dw, even);
            hn::Store(hn::SaturatedAdd(hn::Load(dw, odd), hn::ShiftRight<8>(both)), dw, odd);
          }
      }
    }
  }

  template <class DS>
  static HWY_INLINE auto at_most(DS, hn::VFromD<DS> v, hn::VFromD<DS> most) {
    return hn::Eq(hn::Min(v, most), v);
  }
  /// Whether a tile holds a pair within the radius.
  static HWY_INLINE bool any_within(const V (&sum)[tile_rows][tile_vectors], Index radius) {
    const D d;
    V least = sum[0][0];
#pragma GCC unroll 4
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 2
      for (int c = 0; c < tile_vectors; ++c) least = hn::Min(least, sum[r][c]);
    return !hn::AllFalse(d, at_most(d, least, hn::Set(d, static_cast<uint8_t>(radius))));
  }
  template <class DS, class T>
  static HWY_INLINE bool any_within(DS d, const T* sums, Index radius) {
    auto least = hn::Load(d, sums);
    for (Index k = 0; k < cells; k += static_cast<Index>(hn::MaxLanes(d)))
      least = hn::Min(least, hn::Load(d, sums + k));
    return !hn::AllFalse(d, at_most(d, least, hn::Set(d, static_cast<T>(radius))));
  }
  /// Sums beyond the radius become the largest there are: no later stage brings them back.
  template <class DS, class T>
  static HWY_INLINE void fail_beyond(DS d, T* sums, Index radius) {
    const auto most = hn::Set(d, static_cast<T>(radius));
    for (Index k = 0; k < cells; k += static_cast<Index>(hn::MaxLanes(d))) {
      const auto old = hn::Load(d, sums + k);
      hn::Store(hn::IfThenElse(at_most(d, old, most), old, hn::Set(d, static_cast<T>(-1))), d, sums + k);
    }
  }

  /// Reports the sums within the radius.
  template <class DS, class T>
  static void report(DS d, const HammingBlock& block, const TileRows& a, Index column, Index radius, const T* sums,
                     PairBuffer& found) {
    const Index step = static_cast<Index>(hn::MaxLanes(d));
    const auto most = hn::Set(d, static_cast<T>(radius));
    for (Index k = 0; k < cells; k += step) {
      uint8_t masks[lanes / 8 + 8] = {};
      hn::StoreMaskBits(d, at_most(d, hn::Load(d, sums + k), most), masks);
      const Index vector = k / step / halves, half = k / step % halves;
      const Index i = a.first + vector / tile_vectors;
      if (vector / tile_vectors >= a.count) return;
      for (Index byte = 0; byte * 8 < step; ++byte)
        for (unsigned bits = masks[byte]; bits != 0; bits &= bits - 1) {
          const Index at = byte * 8 + __builtin_ctz(bits);
          const Index lane = vector % tile_vectors * lanes + at * halves + half, j = block.first_b + column + lane;
          if (column + lane >= block.n_b || (block.triangle && j <= i)) continue;
          found.add(i, j, sums[k + at]);
        }
    }
  }

  /// The later stages of a tile of which some pair has passed the first.
  template <class DS, class T>
  static HWY_NOINLINE void finish(DS d, const HammingBlock& block, const HammingStage* stages, Index n_stages,
                                  const TileRows& a, const Place& place, T* sums, PairBuffer& found) {
    ++found.tiles_beyond_first;
    for (Index s = 1; s < n_stages; ++s) {
      fail_beyond(d, sums, stages[s - 1].radius);
      add_words(a, place.b, stages[s - 1].words, stages[s].words, reinterpret_cast<uint8_t*>(sums));
      if (!any_within(d, sums, stages[s].radius)) return;
    }
    report(d, block, a, place.column, stages[n_stages - 1].radius, sums, found);
  }

  /// The first stage of a tile and, rarely, the others.
  static HWY_INLINE void scan_tile(const HammingBlock& block, const HammingStage* stages, Index n_stages,
                                   const TileRows& a, const Place& place, uint8_t* sums, PairBuffer& found) {
    [[maybe_unused]] const D d;
    [[maybe_unused]] const DW dw;
    if constexpr (wide) {
      for (Index k = 0; k < cells * halves; k += lanes) hn::Store(hn::Zero(d), d, sums + k);
      add_words(a, place.b, 0, stages[0].words, sums);
      uint16_t* const words = reinterpret_cast<uint16_t*>(sums);
      if (HWY_LIKELY(!any_within(dw, words, stages[0].radius))) return;
      finish(dw, block, stages, n_stages, a, place, words, found);
    } else {
      V sum[tile_rows][tile_vectors];
      clear(sum);
      add_nibbles(a, place.b, 0, stages[0].words * nibbles, sum);
      if (HWY_LIKELY(!any_within(sum, stages[0].radius))) return;
#pragma GCC unroll 4
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 2
        for (int c = 0; c < tile_vectors; ++c) hn::Store(sum[r][c], d, cell(sums, r, c));
      finish(d, block, stages, n_stages, a, place, sums, found);
    }
  }

  static HWY_NOINLINE void scan_strip(const HammingBlock& block, const HammingStage* stages, Index n_stages,
                                      const TileRows& a, uint8_t* sums, PairBuffer& found) {
    const Index first = block.triangle && a.first >= block.first_b ? (a.first + 1 - block.first_b) / tile_columns : 0;
    const Index step = block.b_words * nibbles * tile_columns;
    Place place{first * tile_columns, reinterpret_cast<const uint8_t*>(block.b) + first * step};
    for (; place.column < block.n_b && !found.stopped; place.column += tile_columns, place.b += step)
      scan_tile(block, stages, n_stages, a, place, sums, found);
  }

  /// Where the tables of a few rows of A begin, nibble by nibble.
  static void choose_tables(const HammingBlock& block, Index i, Index words, uint8_t* tables) {
    for (Index w = 0; w < words; ++w)
      for (Index k = 0; k < nibbles; ++k)
        for (Index r = 0; r < tile_rows; ++r) {
          const Index row = i + r < block.n_a ? i + r : block.n_a - 1;
          *tables++ = static_cast<uint8_t>((block.a[row * block.a_stride + w] >> (4 * k) & 15) * 16);
        }
  }

  static void scan(const HammingBlock& block, const HammingStage* stages, Index n_stages, Word* scratch,
                   PairBuffer& found) {
    static_assert(nibbles * tile_rows <= hamming_scratch_words * 8);
    HWY_ALIGN uint8_t sums[cells * halves];
    uint8_t* const tables = reinterpret_cast<uint8_t*>(scratch);
    for (Index i = 0; i < block.n_a && !found.stopped; i += tile_rows) {
      choose_tables(block, i, stages[n_stages - 1].words, tables);
      const TileRows a{tables, i, block.n_a - i < tile_rows ? block.n_a - i : tile_rows};
      scan_strip(block, stages, n_stages, a, sums, found);
    }
  }

  static void pack(const Word* b, Index stride, Index rows, Index words, Word* packed) {
    uint8_t* to = reinterpret_cast<uint8_t*>(packed);
    Word column_words[tile_columns];
    for (Index column = 0; column < rows; column += tile_columns)
      for (Index w = 0; w < words; ++w) {
        for (Index c = 0; c < tile_columns; ++c)
          column_words[c] = column + c < rows ? b[(column + c) * stride + w] : Word{0};
        for (Index k = 0; k < nibbles; ++k, to += tile_columns)
          for (Index c = 0; c < tile_columns; ++c) to[c] = static_cast<uint8_t>(column_words[c] >> (4 * k) & 15);
      }
  }

  static HammingKernel kernel() {
    return {hwy::TargetName(HWY_TARGET), tile_rows, tile_columns, 16, wide ? 65534 : 254, &pack, &scan};
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
