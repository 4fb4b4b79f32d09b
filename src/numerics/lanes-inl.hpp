// Movements between vector lanes that several kernels need, compiled once for each instruction set
// (no #pragma once: the guard below toggles).
#if defined(BREAKEVEN_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_LANES_INL
#undef BREAKEVEN_LANES_INL
#else
#define BREAKEVEN_LANES_INL
#endif

#include <hwy/highway.h>

#include "base/index.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
// Internal, so that other kernels may use the same short names in this namespace.
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Full = hn::ScalableTag<T>;
template <class T>
using Vec = hn::Vec<Full<T>>;
template <class T>
inline constexpr Index lane_count = static_cast<Index>(hn::MaxLanes(Full<T>()));

/// g++ makes the load a memory operand of every multiply-add that uses it, and several loads of one: this forbids it.
template <class V>
HWY_INLINE V in_register(V v) {
#if HWY_ARCH_X86
  asm("" : "+v"(v.raw));
#endif
  return v;
}

/// A vector of 16 bytes, which every target has but the scalar one.
template <class T>
using Small = hn::CappedTag<T, 16 / sizeof(T)>;
template <class T>
inline constexpr Index small = static_cast<Index>(hn::MaxLanes(Small<T>()));

#if HWY_TARGET == HWY_SCALAR

template <bool shifted, class D, class T>
HWY_INLINE void transpose_block(D, const T* in, Index, const T* shift, T* out, Index) {
  *out = shifted ? *in - *shift : *in;
}

#else

/// 16 bytes of as many rows as D has 16-byte blocks, `stride` apart: row 0 in the lowest block.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* in, Index stride) {
  if constexpr (hn::MaxLanes(D()) == hn::MaxLanes(Small<T>())) {
    return hn::LoadU(d, in);
  } else {
    const hn::Half<D> half;
    constexpr auto blocks = static_cast<Index>(hn::MaxLanes(hn::Half<D>()) / hn::MaxLanes(Small<T>()));
    return hn::Combine(d, load_blocks(half, in + blocks * stride, stride), load_blocks(half, in, stride));
  }
}

/// Transposes the 4 x 4 floats that lie in the same 16-byte block of four vectors, for each block.
template <class D>
HWY_INLINE void transpose_in_blocks(D d, hn::Vec<D>* x) {
  const hn::Repartition<double, D> pairs;
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, x[0], x[1]));
  const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, x[0], x[1]));
  const auto ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, x[2], x[3]));
  const auto ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, x[2], x[3]));
  x[0] = hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low));
  x[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low));
  x[2] = hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high));
  x[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high));
}

/// Transposes as many rows as D has lanes, 4 columns of floats or 2 of doubles. Block b of a vector holds the rows
/// [small b, small (b + 1)), each block is transposed in itself, and the results are whole vectors of the output.
/// `shift`: 4 or 2 entries, subtracted if `shifted`.
template <bool shifted, class D>
HWY_INLINE void transpose_block(D d, const float* in, Index in_stride, const float* shift, float* out,
                                Index out_stride) {
  const auto rows = [&](Index r) HWY_ATTR {
    const auto row = load_blocks(d, in + r * in_stride, 4 * in_stride);
    if constexpr (shifted) return hn::Sub(row, load_blocks(d, shift, 0));
    return row;
  };
  hn::Vec<D> x[4] = {rows(0), rows(1), rows(2), rows(3)};
  transpose_in_blocks(d, x);
  hn::StoreU(x[0], d, out);
  hn::StoreU(x[1], d, out + out_stride);
  hn::StoreU(x[2], d, out + 2 * out_stride);
  hn::StoreU(x[3], d, out + 3 * out_stride);
}

template <bool shifted, class D>
HWY_INLINE void transpose_block(D d, const double* in, Index in_stride, const double* shift, double* out,
                                Index out_stride) {
  const auto rows = [&](Index r) HWY_ATTR {
    const auto row = load_blocks(d, in + r * in_stride, 2 * in_stride);
    if constexpr (shifted) return hn::Sub(row, load_blocks(d, shift, 0));
    return row;
  };
  const auto a = rows(0), b = rows(1);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, out + out_stride);
}

#endif

template <bool shifted, class T>
HWY_INLINE void transpose_as(const T* in, Index rows, Index columns, Index in_stride, const T* shift, T* out,
                             Index out_stride) {
  constexpr Index n = small<T>;
  const Index whole_rows = rows / n * n, whole_columns = columns / n * n;
  for (Index j = 0; j < whole_columns; j += n) {
    Index i = 0;
    const auto blocks = [&](auto d) HWY_ATTR {
      constexpr auto lanes = static_cast<Index>(hn::MaxLanes(decltype(d)()));
      for (; i + lanes <= whole_rows; i += lanes)
        transpose_block<shifted>(d, in + i * in_stride + j, in_stride, shifted ? shift + j : nullptr,
                                 out + j * out_stride + i, out_stride);
    };
    blocks(Full<T>());
    if constexpr (2 * n < lane_count<T>) blocks(hn::Half<Full<T>>());
    blocks(Small<T>());
  }
  const auto single = [&](Index i, Index j) {
    out[j * out_stride + i] = in[i * in_stride + j] - (shifted ? shift[j] : T(0));
  };
  for (Index j = whole_columns; j < columns; ++j)
    for (Index i = 0; i < whole_rows; ++i) single(i, j);
  for (Index i = whole_rows; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) single(i, j);
}

/// out[column][row] = in[row][column] - shift[column] (shift may be null), rows of `out` `out_stride` apart.
template <class T>
void transpose(const T* in, Index rows, Index columns, Index in_stride, const T* shift, T* out, Index out_stride) {
  if (shift)
    transpose_as<true>(in, rows, columns, in_stride, shift, out, out_stride);
  else
    transpose_as<false>(in, rows, columns, in_stride, shift, out, out_stride);
}

#if HWY_TARGET == HWY_SCALAR

template <class T>
HWY_INLINE void lane_sums(const hn::Vec1<T>* v, T* sums) {
  *sums = hn::GetLane(*v);
}
template <int n, class T>
HWY_INLINE Vec<T> lane_sums(T, const Vec<T>* v) {
  return *v;
}

#else

/// Adds the 16-byte blocks of a vector.
template <class T, class D>
HWY_INLINE hn::Vec<Small<T>> fold(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == hn::MaxLanes(Small<T>())) {
    return v;
  } else {
    const hn::Half<D> half;
    return fold<T>(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

/// Four vectors of floats or two of doubles: in each 16-byte block of the result, the sums over the blocks there.
HWY_INLINE Vec<float> block_sums(const Vec<float>* v) {
  const Full<float> d;
  const hn::Repartition<double, Full<float>> pairs;
  const auto ab = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1])));
  const auto ce = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, v[2], v[3]), hn::InterleaveUpper(d, v[2], v[3])));
  return hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)),
                 hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)));
}
HWY_INLINE Vec<double> block_sums(const Vec<double>* v) {
  const Full<double> d;
  return hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1]));
}

/// sums[0..4) or [0..2) = the sums over lanes of as many vectors, by transposition.
template <class V, class T>
HWY_INLINE void lane_sums(const V* v, T* sums) {
  hn::Store(fold<T>(Full<T>(), block_sums(v)), Small<T>(), sums);
}

/// For each of n vectors, n no more than their 16-byte blocks, the sum of its blocks: n blocks.
template <int n, class T, class D>
HWY_INLINE hn::Vec<hn::CappedTag<T, n * 16 / sizeof(T)>> gather_blocks(D d, const hn::Vec<D>* v) {
  constexpr int blocks = static_cast<int>(hn::MaxLanes(D()) / hn::MaxLanes(Small<T>()));
  const auto halves = [d](hn::Vec<D> a, hn::Vec<D> b) {
    return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
  };
  if constexpr (n == 1) {
    return fold<T>(d, v[0]);
  } else if constexpr (n == 4) {
    const auto ac = halves(v[0], v[2]), be = halves(v[1], v[3]);
    return hn::Add(hn::OddEvenBlocks(be, ac), hn::SwapAdjacentBlocks(hn::OddEvenBlocks(ac, be)));
  } else if constexpr (blocks == 2) {
    return halves(v[0], v[1]);
  } else {
    const hn::Half<D> half;
    const auto both = halves(v[0], v[1]);
    const auto low = hn::LowerHalf(half, both), high = hn::UpperHalf(half, both);
    return hn::Add(hn::ConcatLowerLower(half, high, low), hn::ConcatUpperUpper(half, high, low));
  }
}

/// The sums over lanes of n vectors, n no more than their lanes.
template <int n, class T>
HWY_INLINE hn::Vec<hn::CappedTag<T, n>> lane_sums(T, const Vec<T>* v) {
  constexpr int each = static_cast<int>(small<T>);
  static_assert(n % each == 0);
  Vec<T> sums[n / each];
#pragma GCC unroll 8
  for (int b = 0; b < n / each; ++b) sums[b] = block_sums(v + b * each);
  return gather_blocks<n / each, T>(Full<T>(), sums);
}

#endif

HWY_INLINE Vec<double> widen(const float* x) {
  return hn::PromoteTo(Full<double>(), hn::LoadU(hn::Rebind<float, Full<double>>(), x));
}
HWY_INLINE Vec<double> widen(const double* x) {
  return hn::LoadU(Full<double>(), x);
}

HWY_INLINE hn::Vec<hn::Rebind<float, Full<double>>> narrow(float, hn::Vec<Full<double>> v) {
  return hn::DemoteTo(hn::Rebind<float, Full<double>>(), v);
}
HWY_INLINE Vec<double> narrow(double, Vec<double> v) {
  return v;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#endif
