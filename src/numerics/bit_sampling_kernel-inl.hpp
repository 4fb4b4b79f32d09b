// The kernels of bit_sampling_kernel.hpp, compiled once for each instruction set (no #pragma once: the guard below
// toggles). No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the
// linker keeps for everybody.
#if defined(BREAKEVEN_BIT_SAMPLING_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_BIT_SAMPLING_KERNEL_INL
#undef BREAKEVEN_BIT_SAMPLING_KERNEL_INL
#else
#define BREAKEVEN_BIT_SAMPLING_KERNEL_INL
#endif

#include <hwy/highway.h>

#include "numerics/bit_sampling_kernel.hpp"
#include "numerics/hamming_popcount-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct BitSamplingLoops {
  using D = hn::ScalableTag<Word>;
  using DI = hn::ScalableTag<Index>;
  using V = hn::VFromD<D>;
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D{}));
  static constexpr int tile_rows = 4;

  static void gather(const std::uint32_t* columns, Index stride, Index rows, const KeyBit* bits, Index n_bits,
                     std::uint32_t* keys) {
    const hn::ScalableTag<std::uint32_t> d;
    const auto step = static_cast<Index>(hn::Lanes(d));
    for (Index i = 0; i < rows; i += step) {
      auto key = hn::Zero(d);
      for (Index k = 0; k < n_bits; ++k) {
        const KeyBit& bit = bits[k];
        const auto word = hn::Load(d, columns + bit.word * stride + i);
        const auto moved =
            bit.bit >= bit.to ? hn::ShiftRightSame(word, bit.bit - bit.to) : hn::ShiftLeftSame(word, bit.to - bit.bit);
        key = hn::Or(key, hn::And(moved, hn::Set(d, std::uint32_t{1} << bit.to)));
      }
      hn::Store(key, d, keys + i);
    }
  }

  /// Bits set in each word.
  static HWY_INLINE V count_bits(V v) {
#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_NEON
    return hn::PopulationCount(v);
#else
    return PopcountLoops::sum_bytes(PopcountLoops::count_bits(v));
#endif
  }

  /// Rows of A at positions from `first` on times a vector of rows of B at position `second`.
  struct Tile {
    Index first, second;
    Index rows, end;  ///< of A, and where the rows of B end: what is beyond has another key
  };

  static HWY_NOINLINE void report(const KeyJoin& join, const Tile& tile, const Index* sums, PairBuffer& found) {
    const DI d;
    for (Index r = 0; r < tile.rows; ++r) {
      uint8_t masks[16] = {};
      hn::StoreMaskBits(d, hn::Lt(hn::Load(d, sums + r * lanes), hn::Zero(d)), masks);
      for (unsigned bits = masks[0]; bits != 0; bits &= bits - 1) {
        const Index lane = __builtin_ctz(bits), first = tile.first + r, second = tile.second + lane;
        if (second >= tile.end || (join.self && second <= first)) continue;
        const Index i = join.a.row[first], j = join.b.row[second];
        const bool ordered = !join.self || i < j;
        found.add(ordered ? i : j, ordered ? j : i, sums[r * lanes + lane] + join.check_radius + 1);
      }
    }
  }

  /// A few rows of A of one key with all rows of B of another. N check words, any number if N is 0.
  template <Index N>
  static HWY_INLINE void join_strip(const KeyJoin& join, Tile tile, PairBuffer& found) {
    const D d;
    const DI di;
    const Index n = N > 0 ? N : join.check_words;
    V mine[N > 0 ? N : 1][tile_rows];
    if constexpr (N > 0) {
#pragma GCC unroll 2
      for (Index w = 0; w < N; ++w)
#pragma GCC unroll 4
        for (int r = 0; r < tile_rows; ++r)
          mine[w][r] = hn::Set(d, join.a.check[w * join.a.check_stride + tile.first + r]);
    }
    const V bias = hn::Set(d, static_cast<Word>(-(join.check_radius + 1)));
    for (; tile.second < tile.end; tile.second += lanes) {
      V sum[tile_rows];
#pragma GCC unroll 4
      for (int r = 0; r < tile_rows; ++r) sum[r] = bias;
#pragma GCC unroll 2
      for (Index w = 0; w < n; ++w) {
        const V other = hn::LoadU(d, join.b.check + w * join.b.check_stride + tile.second);
#pragma GCC unroll 4
        for (int r = 0; r < tile_rows; ++r) {
          V word;
          if constexpr (N > 0)
            word = mine[w][r];
          else
            word = hn::Set(d, join.a.check[w * join.a.check_stride + tile.first + r]);
          sum[r] = hn::Add(sum[r], count_bits(hn::Xor(word, other)));
        }
      }
      const V any = hn::Or(hn::Or(sum[0], sum[1]), hn::Or(sum[2], sum[3]));
      if (HWY_LIKELY(hn::AllFalse(di, hn::Lt(hn::BitCast(di, any), hn::Zero(di))))) continue;
      HWY_ALIGN Index sums[tile_rows * lanes];
#pragma GCC unroll 4
      for (int r = 0; r < tile_rows; ++r) hn::Store(hn::BitCast(di, sum[r]), di, sums + r * lanes);
      report(join, tile, sums, found);
    }
  }

  template <Index N>
  static Index join_keys(const KeyJoin& join, PairBuffer& found) {
    Index met = 0;
    for (std::uint32_t key = 0; key < static_cast<std::uint32_t>(join.n_keys) && !found.stopped; ++key) {
      const Index begin = join.a.begin[key], end = join.a.begin[key + 1];
      for (Index m = 0; m < join.n_differences; ++m) {
        const std::uint32_t difference = join.differences[m], other = key ^ difference;
        if (join.self && other < key) continue;  // met when the roles were exchanged
        const Index end_b = join.b.begin[other + 1], size = end - begin;
        met += join.self && difference == 0 ? size * (size - 1) / 2 : size * (end_b - join.b.begin[other]);
        for (Index i = begin; i < end; i += tile_rows) {
          const Index begin_b = join.self && difference == 0 ? i + 1 : join.b.begin[other];
          join_strip<N>(join, {i, begin_b, end - i < tile_rows ? end - i : tile_rows, end_b}, found);
        }
      }
    }
    return met;
  }

  static Index join(const KeyJoin& join, PairBuffer& found) {
    switch (join.check_words) {
      case 1:
        return join_keys<1>(join, found);
      case 2:
        return join_keys<2>(join, found);
      default:
        return join_keys<0>(join, found);
    }
  }

  static Index first_within(const Word* a, const Word* b, Index words, const Word* masks, Index n, Index radius) {
    for (Index m = 0; m < n; ++m) {
      Index distance = 0;
      for (Index w = 0; w < words; ++w) distance += __builtin_popcountll((a[w] ^ b[w]) & masks[m * words + w]);
      if (distance <= radius) return m;
    }
    return n;
  }

  static BitSamplingKernel kernel() {
    return {hwy::TargetName(HWY_TARGET), &gather, &join, &first_within};
  }
};

BitSamplingKernel choose_bit_sampling_kernel() {
  return BitSamplingLoops::kernel();
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
