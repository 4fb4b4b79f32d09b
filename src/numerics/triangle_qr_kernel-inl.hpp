// The kernels of triangle_qr_kernel.hpp, compiled once for each instruction set (no #pragma once: the guard toggles).
// No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the linker
// keeps for everybody.
#if defined(BREAKEVEN_TRIANGLE_QR_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_TRIANGLE_QR_KERNEL_INL
#undef BREAKEVEN_TRIANGLE_QR_KERNEL_INL
#else
#define BREAKEVEN_TRIANGLE_QR_KERNEL_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <limits>

#include "numerics/lanes-inl.hpp"
#include "numerics/triangle_qr_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
// Internal, so that other kernels may use the same short names in this namespace.
namespace {

/// Reflector j of a panel acts on row j of the panel's rows of R and on all rows of the block:
///
///        row j of R  [ delta_j ]       H_j = I - tau_j u_j u_j',  delta_j = alpha - beta,  tau_j = -1 / (beta delta_j)
///   u_j =                              alpha = R_jj,  beta = -sign(alpha) sqrt(alpha^2 + |column|^2)
///        block       [ column  ]
///
/// so u_j is never scaled: the column stays where it is, and the block's part V of a panel's reflectors is what their
/// columns hold. The rows of R are disjoint, so V'V alone couples them: H_0 .. H_j = I - [delta; V] T [delta; V]', T
/// upper triangular (Schreiber and Van Loan 1989).
template <class T>
struct QrLoops {
  using D = Full<T>;
  using V = Vec<T>;
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D()));
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
  static constexpr int panel = 8;  // 24 accumulators and 4 operands of 32 registers
#else
  static constexpr int panel = 4;  // 12 and 4 of 16
#endif
  static constexpr int group = 3;  // trailing columns updated together
  static_assert(qr_panel % panel == 0);
  static constexpr T smallest = std::numeric_limits<T>::min();

  /// A panel's rows are `panel` entries of a column: a vector or a few.
  using RowsTag = hn::CappedTag<T, panel>;
  static constexpr int rows_lanes = static_cast<int>(hn::MaxLanes(RowsTag()));

  struct Panel {
    const T* v;                     ///< first column of the panel in the block
    Index stride;                   ///< of the block
    Index rows;                     ///< of the block that the panel's reflectors act on
    alignas(64) T t[panel][panel];  ///< T, row-major
    alignas(64) T delta[panel];
  };

  /// g++ makes a load the memory operand of every multiply-add that uses it, and three loads of one: this forbids it.
  static HWY_INLINE V in_register(V v) {
#if HWY_ARCH_X86
    asm("" : "+v"(v.raw));
#endif
    return v;
  }

  /// out[k] = sum over lanes of v[k], stored in whole vectors, as they will be loaded.
  template <int n>
  static HWY_INLINE void sum_lanes(const V* v, T* out) {
#pragma GCC unroll 32
    for (int k = 0; k < n; k += rows_lanes) hn::Store(lane_sums<rows_lanes>(T(), v + k), RowsTag(), out + k);
  }

  static HWY_INLINE T square_root(T x) {
    const hn::CappedTag<T, 1> d;
    return hn::GetLane(hn::Sqrt(hn::Set(d, x)));
  }

  /// dots[c] = column 0 of the panel times column c.
  static HWY_NOINLINE void first_dots(const T* v, Index stride, Index rows, T* dots) {
    const D d;
    V sum[panel];
#pragma GCC unroll 8
    for (int c = 0; c < panel; ++c) sum[c] = hn::Zero(d);
    for (Index i = 0; i < rows; i += lanes) {
      const V x = in_register(hn::Load(d, v + i));
#pragma GCC unroll 8
      for (int c = 0; c < panel; ++c) sum[c] = hn::MulAdd(x, hn::Load(d, v + c * stride + i), sum[c]);
    }
    sum_lanes<panel>(sum, dots);
  }

  /// One pass over the panel: subtracts w[c] times column j from the columns c behind it, and takes the products of
  /// the new column j + 1 with all the others, dots[c].
  template <int j>
  static HWY_NOINLINE void reflect(T* v, Index stride, Index rows, const T* w, T* dots) {
    const D d;
    V sum[panel], factor[panel];
#pragma GCC unroll 8
    for (int c = 0; c < panel; ++c) sum[c] = hn::Zero(d);
#pragma GCC unroll 8
    for (int c = j + 1; c < panel; ++c) factor[c] = in_register(hn::Set(d, w[c]));
    for (Index i = 0; i < rows; i += lanes) {
      const V u = in_register(hn::Load(d, v + j * stride + i));
      const auto column = [&](int c) { return v + c * stride + i; };
      const auto updated = [&](int c) {
        const V x = hn::NegMulAdd(factor[c], u, hn::Load(d, column(c)));
        hn::Store(x, d, column(c));
        return x;
      };
      const V next = updated(j + 1);
#pragma GCC unroll 8
      for (int k = 0; k < j; ++k) sum[k] = hn::MulAdd(next, hn::Load(d, column(k)), sum[k]);
      sum[j] = hn::MulAdd(next, u, sum[j]);
      sum[j + 1] = hn::MulAdd(next, next, sum[j + 1]);
#pragma GCC unroll 8
      for (int c = j + 2; c < panel; ++c) sum[c] = hn::MulAdd(next, updated(c), sum[c]);
    }
    sum_lanes<panel>(sum, dots);
  }

  /// Reflector j from its column's products, row j of R and column j of T; then the pass that makes the next products.
  /// Rows and columns are treated as a whole, their unused entries too.
  template <int j>
  static HWY_INLINE void factor_columns(T* v, Panel& p, T (&r)[panel][panel], T (&t)[panel][panel], T* dots) {
    const RowsTag d;
    const T alpha = r[j][j], squares = alpha * alpha + dots[j];
    T tau = 0, delta = 0, beta = alpha;
    if (HWY_LIKELY(squares >= smallest)) {  // otherwise the column counts as zero and is left alone
      const T norm = square_root(squares);
      beta = alpha < 0 ? norm : -norm;
      delta = alpha - beta;
      tau = -1 / (beta * delta);
    }
    p.delta[j] = delta;
    alignas(64) T w[panel];
#pragma GCC unroll 4
    for (int c = 0; c < panel; c += rows_lanes) {
      const auto factor = hn::Set(d, delta), row = hn::Load(d, r[j] + c);
      const auto u = hn::Mul(hn::Set(d, tau), hn::MulAdd(factor, row, hn::Load(d, dots + c)));
      hn::Store(u, d, w + c);
      hn::Store(hn::NegMulAdd(factor, u, row), d, r[j] + c);
    }
    r[j][j] = beta;
#pragma GCC unroll 4
    for (int k = 0; k < panel; k += rows_lanes) {
      auto sum = hn::Zero(d);
#pragma GCC unroll 8
      for (int l = 0; l < j; ++l) sum = hn::MulAdd(hn::Set(d, dots[l]), hn::Load(d, t[l] + k), sum);
      hn::Store(hn::Mul(hn::Set(d, -tau), sum), d, t[j] + k);
    }
    t[j][j] = tau;
#pragma GCC unroll 8
    for (int k = 0; k <= j; ++k) p.t[k][j] = t[j][k];
    if constexpr (j + 1 < panel) {
      reflect<j>(v, p.stride, p.rows, w, dots);
      factor_columns<j + 1>(v, p, r, t, dots);
    }
  }

  /// The panel's own columns; `triangle` is the panel's diagonal block of R.
  static HWY_NOINLINE void factor(T* v, T* triangle, Index triangle_stride, Panel& p) {
    alignas(64) T r[panel][panel];  // row-major
    alignas(64) T t[panel][panel];  // columns of T
    alignas(64) T dots[panel];
    for (int c = 0; c < panel; ++c)
      for (int k = 0; k < panel; ++k) {
        r[k][c] = triangle[c * triangle_stride + k];
        p.t[k][c] = 0;
      }
    first_dots(v, p.stride, p.rows, dots);
    factor_columns<0>(v, p, r, t, dots);
    for (int c = 0; c < panel; ++c)
      for (int k = 0; k <= c; ++k) triangle[c * triangle_stride + k] = r[k][c];
  }

  /// products[g][k] = V_k times column g of a group.
  static HWY_NOINLINE void multiply(const Panel& p, const T* columns, T* products) {
    const D d;
    V sum[group * panel];
#pragma GCC unroll 24
    for (int k = 0; k < group * panel; ++k) sum[k] = hn::Zero(d);
    for (Index i = 0; i < p.rows; i += lanes) {
      const V c0 = in_register(hn::Load(d, columns + i));
      const V c1 = in_register(hn::Load(d, columns + p.stride + i));
      const V c2 = in_register(hn::Load(d, columns + 2 * p.stride + i));
#pragma GCC unroll 8
      for (int k = 0; k < panel; ++k) {
        const V v = in_register(hn::Load(d, p.v + k * p.stride + i));
        sum[k] = hn::MulAdd(v, c0, sum[k]);
        sum[panel + k] = hn::MulAdd(v, c1, sum[panel + k]);
        sum[2 * panel + k] = hn::MulAdd(v, c2, sum[2 * panel + k]);
      }
    }
    sum_lanes<group * panel>(sum, products);
  }

  /// U = T'(delta R + V'C), over V'C; R -= delta U.
  static HWY_INLINE void couple(const Panel& p, T* triangle, Index triangle_stride, T* products) {
    const RowsTag d;
#pragma GCC unroll 3
    for (int g = 0; g < group; ++g) {
      T* const s = products + g * panel;
      T* const r = triangle + g * triangle_stride;
#pragma GCC unroll 4
      for (int k = 0; k < panel; k += rows_lanes)
        hn::Store(hn::MulAdd(hn::Load(d, p.delta + k), hn::Load(d, r + k), hn::Load(d, s + k)), d, s + k);
      hn::Vec<RowsTag> u[panel / rows_lanes];
#pragma GCC unroll 4
      for (int b = 0; b < panel / rows_lanes; ++b) u[b] = hn::Zero(d);
#pragma GCC unroll 8
      for (int l = 0; l < panel; ++l)
#pragma GCC unroll 4
        for (int b = 0; b < panel / rows_lanes; ++b)
          u[b] = hn::MulAdd(hn::Set(d, s[l]), hn::Load(d, p.t[l] + b * rows_lanes), u[b]);
#pragma GCC unroll 4
      for (int b = 0; b < panel / rows_lanes; ++b) {
        const int k = b * rows_lanes;
        hn::Store(u[b], d, s + k);
        hn::Store(hn::NegMulAdd(hn::Load(d, p.delta + k), u[b], hn::Load(d, r + k)), d, r + k);
      }
    }
  }

  /// What will be read after this block. One line of it a step is brought to the cache while columns are updated:
  /// spread out like this it costs nothing, and all of it at once would hold up the loads of the work at hand.
  struct Ahead {
    const T* next;
    Index lines;
  };

  /// Columns of a group -= V U.
  static HWY_NOINLINE void update(const Panel& p, const T* u, T* columns, Ahead& ahead) {
    const D d;
    V factor[group * panel];
#pragma GCC unroll 24
    for (int k = 0; k < group * panel; ++k) factor[k] = in_register(hn::Set(d, u[k]));
    const T* line = ahead.next;
    const T* const v0 = p.v;
    const Index rows = p.rows, stride = p.stride;
    const Index line_step = ahead.lines > 0 ? qr_line<T> : 0;
    for (Index i = 0; i < rows; i += lanes, line += line_step) {
      V c0 = hn::Load(d, columns + i), c1 = hn::Load(d, columns + stride + i),
        c2 = hn::Load(d, columns + 2 * stride + i);
      hwy::Prefetch(line);
#pragma GCC unroll 8
      for (int k = 0; k < panel; ++k) {
        const V v = in_register(hn::Load(d, v0 + k * stride + i));
        c0 = hn::NegMulAdd(v, factor[k], c0);
        c1 = hn::NegMulAdd(v, factor[panel + k], c1);
        c2 = hn::NegMulAdd(v, factor[2 * panel + k], c2);
      }
      hn::Store(c0, d, columns + i);
      hn::Store(c1, d, columns + stride + i);
      hn::Store(c2, d, columns + 2 * stride + i);
    }
    ahead.next = line;
    ahead.lines -= p.rows / lanes;
  }

  /// The columns behind a panel. Products of the next group are taken before this one is updated: independent work
  /// while the short chain from products to factors runs.
  static HWY_INLINE void update_behind(const StackedTriangle<T>& stack, const Panel& p, Index first, Ahead& ahead) {
    const Index end = stack.padded_d + stack.n_rhs;
    alignas(64) T products[2][group * panel];
    const auto columns = [&](Index c) { return stack.block + c * stack.block_stride; };
    Index column = first + panel;
    if (column < end) multiply(p, columns(column), products[0]);
    for (int now = 0; column < end; column += group, now = 1 - now) {
      couple(p, stack.triangle + first + column * stack.triangle_stride, stack.triangle_stride, products[now]);
      if (column + group < end) multiply(p, columns(column + group), products[1 - now]);
      update(p, products[now], columns(column), ahead);
    }
  }

  static void eliminate(const StackedTriangle<T>& stack, Index first_entry, const T* next, Index next_lines) {
    Ahead ahead{next, next_lines};
    const bool full = first_entry < 0;
    for (Index first = full ? 0 : first_entry / panel * panel; first < stack.padded_d; first += panel) {
      Panel p;
      p.v = stack.block + first * stack.block_stride;
      p.stride = stack.block_stride;
      p.rows = stack.rows;
      if (!full) {  // rows below the panel's last entry are zero and stay so
        const Index filled = (first + panel - first_entry + qr_line<T> - 1) / qr_line<T> * qr_line<T>;
        if (filled < p.rows) p.rows = filled;
      }
      T* const rows_of_triangle = stack.triangle + first;
      factor(stack.block + first * stack.block_stride, rows_of_triangle + first * stack.triangle_stride,
             stack.triangle_stride, p);
      update_behind(stack, p, first, ahead);
    }
  }

  static void transpose_rows(const T* in, Index rows, Index columns, T* out, Index stride) {
    transpose(in, rows, columns, columns, static_cast<const T*>(nullptr), out, stride);
    const Index padded = (rows + qr_line<T> - 1) / qr_line<T> * qr_line<T>;
    for (Index c = 0; c < columns; ++c)
      for (Index i = rows; i < padded; ++i) out[c * stride + i] = 0;
  }
};

}  // namespace

TriangleQrKernel<float> triangle_qr_f32() {
  return {hwy::TargetName(HWY_TARGET), &QrLoops<float>::transpose_rows, &QrLoops<float>::eliminate};
}
TriangleQrKernel<double> triangle_qr_f64() {
  return {hwy::TargetName(HWY_TARGET), &QrLoops<double>::transpose_rows, &QrLoops<double>::eliminate};
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
