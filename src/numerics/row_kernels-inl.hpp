// The loops of row_kernels.hpp, compiled once for each instruction set (no #pragma once: the guard below toggles).
// No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the linker
// keeps for everybody.
#if defined(BREAKEVEN_ROW_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_ROW_KERNELS_INL
#undef BREAKEVEN_ROW_KERNELS_INL
#else
#define BREAKEVEN_ROW_KERNELS_INL
#endif

#include <hwy/highway.h>

#include "numerics/fetch.hpp"
#include "numerics/lanes-inl.hpp"
#include "numerics/row_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

// Internal, so that other kernels may use the same short names in this namespace.
namespace {

inline constexpr Index ahead_bytes = 8192;   // of the prefetches: about what arrives within one latency of the memory
inline constexpr Index block_bytes = 16384;  // of rows that are read once for every group of right sides: a part of L1

// A group of rows is handled at once, for as many right sides as leave room in the registers. It passes by twice, first
// for its products with x, then, still in L1, for the gradient; each time in panels of a few vectors, of which x or the
// gradient stay in registers while the rows of the group are read one after the other. So memory is read front to back,
// as the processor's own prefetchers expect it.
//
//      one right side, d = 2 panels           panel 0   panel 1
//      row 0                                 [ 0 ---->  2 ---->      order of reading
//      row 1                                 [ 1 ---->  3 ---->
inline constexpr int max_group = HWY_CAP_GE512 ? 4 : 3;
/// Rows of a group with N right sides.
template <int N>
inline constexpr int group_rows = N == 1 || (N == 2 && HWY_CAP_GE512) ? 8 : 4;
/// Vectors of a panel.
template <int N>
inline constexpr int panel_vectors = HWY_CAP_GE512 ? (N <= 2 ? 8 / N : 2) : (N == 1 ? 4 : 1);

/// What a pass makes of the products t[r * N + n] of rows `row` + r with right sides `first` + n, in place.
template <class T>
struct Residual {
  Index n_rhs;
  const T* b;
  double* squares;
  T* residual;
  template <int R, int N>
  HWY_INLINE void finish(Index row, Index first, T* t) const {
    double sums[N] = {};
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) {
        const Index at = (row + r) * n_rhs + first + n;
        const T y = b[at] - t[r * N + n];
        if (residual) residual[at] = y;
        t[r * N + n] = y;
        sums[n] += static_cast<double>(y) * static_cast<double>(y);
      }
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) squares[first + n] += sums[n];
  }
};

template <class T>
struct Bidiagonal {
  T alpha;
  T* u;
  T beta;
  double* squares;
  template <int R, int N>
  HWY_INLINE void finish(Index row, Index, T* t) const {
    double sum = 0;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      t[r] = u[row + r] = alpha * u[row + r] + beta * t[r];
      sum += static_cast<double>(t[r]) * static_cast<double>(t[r]);
    }
    *squares += sum;
  }
};

template <class T>
struct Weighted {
  const T* weights;
  template <int R, int N>
  HWY_INLINE void finish(Index row, Index, T* t) const {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) t[r] *= weights[row + r];
  }
};

/// Fetches memory ahead of a group, front to back: half of it during the products and half during the sums, since all
/// of it at once would be waited for.
struct Ahead {
  const char* next;

  template <Index bytes>
  HWY_INLINE void fetch() {
#pragma GCC unroll 8
    for (Index byte = 0; byte < bytes; byte += line_bytes) fetch_ahead(next + byte);
    next += bytes;
  }
};

/// sums[r * N + n] += <row r, right side n> over V vectors.
template <int R, int N, int V, class T>
HWY_INLINE void add_products(const T* a, Index stride, const T* x, Index packed, Ahead& ahead, Vec<T>* sums) {
  const Full<T> d;
  Vec<T> right[N][V];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) right[n][v] = in_register(hn::Load(d, x + n * packed + v * lane_count<T>));
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    ahead.fetch<V * lane_count<T>* static_cast<Index>(sizeof(T)) / 2>();
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const auto left = hn::LoadU(d, a + r * stride + v * lane_count<T>);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sums[r * N + n] = hn::MulAdd(left, right[n][v], sums[r * N + n]);
    }
  }
}

/// gradient of right side n += sum over r of row r times factors[r * N + n], over V vectors.
template <int R, int N, int V, class T>
HWY_INLINE void add_rows(const T* a, Index stride, const Vec<T>* factors, Index packed, Ahead& ahead, T* gradient) {
  const Full<T> d;
  Vec<T> sums[N][V];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[n][v] = hn::Load(d, gradient + n * packed + v * lane_count<T>);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    ahead.fetch<V * lane_count<T>* static_cast<Index>(sizeof(T)) / 2>();
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const auto row = hn::LoadU(d, a + r * stride + v * lane_count<T>);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sums[n][v] = hn::MulAdd(row, factors[r * N + n], sums[n][v]);
    }
  }
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) hn::Store(sums[n][v], d, gradient + n * packed + v * lane_count<T>);
}

/// Calls step<V>(p, place) for the panels of a row: entries p of the row meet those at `place` of x or the gradient.
/// What is left of whole vectors comes in panels of half the width, and the last, overlapping vector at the end.
template <int V, class T, class Step>
HWY_INLINE void for_panels(const RowChunk<T>& chunk, Index p, const Step& step) {
  for (; p + V * lane_count<T> <= chunk.whole; p += V * lane_count<T>) step.template operator()<V>(p, p);
  if constexpr (V > 1)
    for_panels<V / 2>(chunk, p, step);
  else if (chunk.tail >= 0)
    step.template operator()<1>(chunk.tail, chunk.whole);
}

/// products[r * N + n] = <row r, right side n>.
template <int R, int N, class T>
HWY_INLINE void row_products(const RowChunk<T>& chunk, const T* a, const T* x, Ahead& ahead, T* products) {
  constexpr int padded = (R * N + 3) / 4 * 4;
  Vec<T> sums[padded];
#pragma GCC unroll 16
  for (int k = 0; k < padded; ++k) sums[k] = hn::Zero(Full<T>());
  for_panels<panel_vectors<N>>(chunk, 0, [&]<int V>(Index p, Index place) HWY_ATTR {
    add_products<R, N, V>(a + p, chunk.stride, x + place, chunk.packed, ahead, sums);
  });
#pragma GCC unroll 16
  for (int k = 0; k < padded; k += static_cast<int>(small<T>)) lane_sums(sums + k, products + k);
}

/// R rows and N right sides: the products, what the pass makes of them, and the rows again times that.
template <int R, int N, class T, class Pass>
HWY_NOINLINE void pass_rows(const RowChunk<T>& chunk, Index row, Index first, const Pass& pass) {
  alignas(64) T y[(R * N + 3) / 4 * 4];
  const T* a = chunk.a + row * chunk.stride;
  Ahead ahead{reinterpret_cast<const char*>(a) + ahead_bytes};
  row_products<R, N>(chunk, a, chunk.x + first * chunk.packed, ahead, y);
  pass.template finish<R, N>(row, first, y);
  Vec<T> factors[R * N];
#pragma GCC unroll 16
  for (int k = 0; k < R * N; ++k) factors[k] = hn::Set(Full<T>(), y[k]);
  T* gradient = chunk.gradient + first * chunk.packed;
  for_panels<panel_vectors<N>>(chunk, 0, [&]<int V>(Index p, Index place) HWY_ATTR {
    add_rows<R, N, V>(a + p, chunk.stride, factors, chunk.packed, ahead, gradient + place);
  });
}

template <int R, int N, class T, class Pass>
HWY_INLINE void pass_block(const RowChunk<T>& chunk, Index begin, Index end, Index first, const Pass& pass) {
  Index row = begin;
  for (; row + R <= end; row += R) pass_rows<R, N>(chunk, row, first, pass);
  for (; row < end; ++row) pass_rows<1, N>(chunk, row, first, pass);
}

template <class T, class Pass>
HWY_INLINE void pass_single(const RowChunk<T>& chunk, const Pass& pass) {
  pass_block<group_rows<1>, 1>(chunk, 0, chunk.rows, 0, pass);
}

template <int N, class T, class Pass>
HWY_INLINE void pass_group(Index group, const RowChunk<T>& chunk, Index begin, Index end, Index first,
                           const Pass& pass) {
  if (group == N) return pass_block<group_rows<N>, N>(chunk, begin, end, first, pass);
  if constexpr (N > 1) pass_group<N - 1>(group, chunk, begin, end, first, pass);
}

template <class T>
void residual(const RowChunk<T>& chunk, Index n_rhs, const T* b, double* squares, T* out) {
  const Residual<T> pass{n_rhs, b, squares, out};
  if (n_rhs == 1) return pass_single(chunk, pass);
  const Index fitting = block_bytes / (chunk.stride * static_cast<Index>(sizeof(T))) / group_rows<1> * group_rows<1>;
  const Index block = fitting > group_rows<1> ? fitting : group_rows<1>;
  const Index groups = (n_rhs + max_group - 1) / max_group;
  for (Index begin = 0; begin < chunk.rows; begin += block) {
    const Index end = begin + block < chunk.rows ? begin + block : chunk.rows;
    for (Index g = 0; g < groups; ++g) {
      const Index first = n_rhs * g / groups, last = n_rhs * (g + 1) / groups;
      pass_group<max_group>(last - first, chunk, begin, end, first, pass);
    }
  }
}

template <class T>
void bidiagonal(const RowChunk<T>& chunk, T alpha, T* u, T beta, double* squares) {
  pass_single(chunk, Bidiagonal<T>{alpha, u, beta, squares});
}

template <class T>
void weighted(const RowChunk<T>& chunk, const T* weights) {
  pass_single(chunk, Weighted<T>{weights});
}

// ---- squared norms of the rows of A X ------------------------------------------------------------------------------

// Rows of A are broadcast, columns of X lie in lanes: 8 x 3 or 4 x 3 sums fill the registers, and only their squares
// are added across lanes. Three vectors, not four: with four g++ 12 reads X from memory in every multiply-add.
inline constexpr int norm_rows = HWY_CAP_GE512 ? 8 : 4;
inline constexpr int norm_vectors = 3;

template <int R, int V, class T>
HWY_NOINLINE void add_norms(const T* a, Index d, const T* panel, T* norms) {
  const Full<T> tag;
  constexpr int padded = (R + 3) / 4 * 4;
  Vec<T> sums[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) sums[r][v] = hn::Zero(tag);
  for (Index p = 0; p < d; ++p, panel += norm_vectors * lane_count<T>) {
    Vec<T> right[V];
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) right[v] = in_register(hn::Load(tag, panel + v * lane_count<T>));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto left = hn::Set(tag, a[r * d + p]);
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
    }
  }
  Vec<T> squares[padded];
#pragma GCC unroll 8
  for (int r = 0; r < padded; ++r) {
    squares[r] = hn::Zero(tag);
    if (r < R)
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) squares[r] = hn::MulAdd(sums[r][v], sums[r][v], squares[r]);
  }
  alignas(64) T totals[padded];
#pragma GCC unroll 8
  for (int r = 0; r < padded; r += static_cast<int>(small<T>)) lane_sums(squares + r, totals + r);
  for (int r = 0; r < R; ++r) norms[r] += totals[r];
}

template <int R, class T>
HWY_INLINE void add_panel_norms(const T* a, Index d, const T* panel, Index columns, T* norms) {
  if (columns <= lane_count<T>) return add_norms<R, 1>(a, d, panel, norms);
  if (columns <= 2 * lane_count<T>) return add_norms<R, 2>(a, d, panel, norms);
  add_norms<R, 3>(a, d, panel, norms);
}

template <class T>
void norms(const T* a, Index rows, Index d, const T* panels, Index n_columns, T* out) {
  constexpr Index width = norm_vectors * lane_count<T>;
  const Index fitting = block_bytes / (d * static_cast<Index>(sizeof(T))) / norm_rows * norm_rows;
  const Index block = fitting > norm_rows ? fitting : norm_rows;
  for (Index begin = 0; begin < rows; begin += block) {
    const Index end = begin + block < rows ? begin + block : rows;
    for (Index i = begin; i < end; ++i) out[i] = 0;
    for (Index c = 0; c < n_columns; c += width) {
      Index i = begin;
      for (; i + norm_rows <= end; i += norm_rows)
        add_panel_norms<norm_rows>(a + i * d, d, panels + c * d, n_columns - c, out + i);
      for (; i < end; ++i) add_panel_norms<1>(a + i * d, d, panels + c * d, n_columns - c, out + i);
    }
  }
}

template <class T>
RowKernels<T> kernels() {
  return {.lanes = lane_count<T>,
          .residual = residual<T>,
          .bidiagonal = bidiagonal<T>,
          .weighted = weighted<T>,
          .panel_columns = norm_vectors * lane_count<T>,
          .norms = norms<T>};
}

}  // namespace

RowKernels<float> row_kernels_f32() {
  return kernels<float>();
}
RowKernels<double> row_kernels_f64() {
  return kernels<double>();
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#endif
