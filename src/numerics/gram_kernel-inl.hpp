// The kernels of gram_kernel.hpp, compiled once for each instruction set (no #pragma once: the guard below toggles).
// No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the linker
// keeps for everybody.
#if defined(BREAKEVEN_GRAM_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_GRAM_KERNEL_INL
#undef BREAKEVEN_GRAM_KERNEL_INL
#else
#define BREAKEVEN_GRAM_KERNEL_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "numerics/gram_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The upper triangle is cut into blocks of tile_rows x lanes. Three of one row of blocks make a register tile, triples
// counted from the right; the one or two blocks a row has left over are pooled and done three at a time, each with
// broadcasts of its own.
//
//      columns:  |  0  1  2  3  4  5  6  7         one step: 8 broadcasts x 3 vectors, 11 loads for 24 multiply-adds
//      row 0     |  p  p [         ] [         ]             (pooled: 27 loads)
//      row 1     |     p [         ] [         ]
//      row 2     |       [         ] [         ]
//      row 3     |           p  p    [         ]
template <class T>
struct GramLoops {
  using D = hn::ScalableTag<T>;
  using V = hn::VFromD<D>;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
  static constexpr int tile_rows = 8;  // 24 accumulators and 4 operands of 32 registers
#else
  static constexpr int tile_rows = 4;  // 12 and 4 of 16
#endif
  static constexpr int width = 3;
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D{}));
  static constexpr Index line = gram_line<T>;

  /// g++ makes a load the memory operand of every multiply-add that uses it, and three loads of one: this forbids it.
  static HWY_INLINE V in_register(V v) {
#if HWY_ARCH_X86
    asm("" : "+v"(v.raw));
#endif
    return v;
  }

  /// Three blocks, or at the end of the pool fewer: tile_rows columns from `row` on, times the `lanes` columns from
  /// `column` on. Its sums are [tile_rows][blocks][lanes].
  struct Tile {
    Index row[width], column[width];
    int blocks;
    Index size() const { return tile_rows * blocks * lanes; }
  };

  /// Calls visit(tile, pooled) for all tiles, in the order in which their sums lie.
  template <class Visit>
  static HWY_INLINE void for_tiles(Index padded_d, const Visit& visit) {
    Tile pool{};
    for (Index row = 0; row < padded_d; row += tile_rows) {
      const Index first = row / lanes * lanes;
      Index column = padded_d;
      for (; column - width * lanes >= first; column -= width * lanes) {
        const Index left = column - width * lanes;
        visit(Tile{{row, row, row}, {left, left + lanes, left + 2 * lanes}, width}, false);
      }
      for (; column > first; column -= lanes) {
        pool.row[pool.blocks] = row;
        pool.column[pool.blocks] = column - lanes;
        if (++pool.blocks < width) continue;
        visit(pool, true);
        pool.blocks = 0;
      }
    }
    if (pool.blocks > 0) visit(pool, true);
  }

  static Index sums_size(Index padded_d) {
    Index size = 0;
    for_tiles(padded_d, [&](const Tile& tile, bool) { size += tile.size(); });
    return size;
  }

  /// What will be read next is brought to the cache bit by bit, `step` bytes a row of a tile: more lines at once would
  /// hold up the loads of the work at hand.
  struct Ahead {
    const char* next;
    Index step;
  };

  static HWY_INLINE const T* column_of(const T* data, Index panel_stride, Index c) {
    return data + c / line * panel_stride + c % line;
  }

  static HWY_INLINE void add_to(T* at, V terms) {
    hn::Store(hn::Add(hn::Load(D(), at), terms), D(), at);
  }

  template <bool weighted>
  static HWY_INLINE V load(const T* at, V weight) {
    const V v = hn::LoadU(D(), at);
    return in_register(weighted ? hn::Mul(v, weight) : v);
  }

  template <bool pooled, bool weighted>
  static HWY_NOINLINE void accumulate_tile(const GramRows<T>& rows, const Tile& tile, T* sums, Ahead& ahead) {
    const D d;
    const auto data = [&](Index c) { return column_of(rows.data, rows.panel_stride, c); };
    const auto scaled = [&](Index c) { return column_of(rows.scaled, rows.panel_stride, c); };
    const T *v0 = scaled(tile.column[0]), *v1 = scaled(tile.column[1]), *v2 = scaled(tile.column[2]);
    const T *s0 = data(tile.row[0]), *s1 = data(tile.row[1]), *s2 = data(tile.row[2]);
    for (Index at = 0; at < tile_rows * width * lanes; at += line) hwy::Prefetch(sums + at);
    V sum[tile_rows][width];
#pragma GCC unroll 8
    for (int k = 0; k < tile_rows; ++k)
#pragma GCC unroll 3
      for (int b = 0; b < width; ++b) sum[k][b] = hn::Zero(d);
    const char* next = ahead.next;
    const Index next_step = ahead.step, row_stride = rows.row_stride, n_rows = rows.rows;
    const T* const weights = rows.weights;
    // One index for all addresses: each further addition would take a turn of the units that multiply.
    for (Index at = 0, r = 0; at < n_rows * row_stride; at += row_stride, next += next_step) {
      hwy::Prefetch(next);
      const V weight = weighted ? in_register(hn::Set(d, weights[r++])) : hn::Zero(d);
      const V c0 = load<weighted>(v0 + at, weight), c1 = load<weighted>(v1 + at, weight),
              c2 = load<weighted>(v2 + at, weight);
#pragma GCC unroll 8
      for (int k = 0; k < tile_rows; ++k) {
        const V s = pooled ? hn::Set(d, s0[at + k]) : in_register(hn::Set(d, s0[at + k]));
        sum[k][0] = hn::MulAdd(s, c0, sum[k][0]);
        sum[k][1] = hn::MulAdd(pooled ? hn::Set(d, s1[at + k]) : s, c1, sum[k][1]);
        sum[k][2] = hn::MulAdd(pooled ? hn::Set(d, s2[at + k]) : s, c2, sum[k][2]);
      }
    }
    ahead.next = next;
#pragma GCC unroll 8
    for (int k = 0; k < tile_rows; ++k)
#pragma GCC unroll 3
      for (int b = 0; b < width; ++b) add_to(sums + (k * width + b) * lanes, sum[k][b]);
  }

  /// One block of a tile of fewer than three.
  template <bool weighted>
  static HWY_NOINLINE void accumulate_block(const GramRows<T>& rows, const Tile& tile, int block, T* sums) {
    const D d;
    const T* v = column_of(rows.scaled, rows.panel_stride, tile.column[block]);
    const T* s = column_of(rows.data, rows.panel_stride, tile.row[block]);
    V sum[tile_rows];
#pragma GCC unroll 8
    for (int k = 0; k < tile_rows; ++k) sum[k] = hn::Zero(d);
    for (Index r = 0; r < rows.rows; ++r, v += rows.row_stride, s += rows.row_stride) {
      const V c = load<weighted>(v, weighted ? hn::Set(d, rows.weights[r]) : hn::Zero(d));
#pragma GCC unroll 8
      for (int k = 0; k < tile_rows; ++k) sum[k] = hn::MulAdd(hn::Set(d, s[k]), c, sum[k]);
    }
#pragma GCC unroll 8
    for (int k = 0; k < tile_rows; ++k) add_to(sums + (k * tile.blocks + block) * lanes, sum[k]);
  }

  template <bool weighted>
  static void accumulate_as(const GramRows<T>& rows, T* sums, const T* next, Index next_bytes) {
    const Index tiles = sums_size(rows.padded_d) / (tile_rows * width * lanes), steps = tiles * rows.rows;
    Ahead ahead{reinterpret_cast<const char*>(next), steps > 0 ? (next_bytes + steps - 1) / steps : 0};
    for_tiles(rows.padded_d, [&](const Tile& tile, bool pooled) {
      if (tile.blocks < width)
        for (int b = 0; b < tile.blocks; ++b) accumulate_block<weighted>(rows, tile, b, sums);
      else if (pooled)
        accumulate_tile<true, weighted>(rows, tile, sums, ahead);
      else
        accumulate_tile<false, weighted>(rows, tile, sums, ahead);
      sums += tile.size();
    });
  }

  static void accumulate(const GramRows<T>& rows, T* sums, const T* next, Index next_bytes) {
    if (rows.weights)
      accumulate_as<true>(rows, sums, next, next_bytes);
    else
      accumulate_as<false>(rows, sums, next, next_bytes);
  }

  static void unpack_sums(const T* sums, Index padded_d, Index d, T* triangle) {
    for_tiles(padded_d, [&](const Tile& tile, bool) {
      for (int k = 0; k < tile_rows; ++k)
        for (int b = 0; b < tile.blocks; ++b, sums += lanes) {
          const Index i = tile.row[b] + k, left = tile.column[b];
          const Index row = i * d - i * (i + 1) / 2;  // entry (i, j) is at row + j
          if (i <= left && left + lanes <= d)
            hn::StoreU(hn::Load(D(), sums), D(), triangle + row + left);
          else
            for (Index j = i > left ? i : left; j < d && j < left + lanes; ++j) triangle[row + j] = sums[j - left];
        }
    });
  }

  /// R right sides times N vectors of columns.
  template <int R, int N>
  static HWY_NOINLINE void right_tile(const GramRows<T>& rows, Index column, const T* right, Index right_stride,
                                      T* sums) {
    const D d;
    const T* v[N];
#pragma GCC unroll 8
    for (int b = 0; b < N; ++b) v[b] = column_of(rows.data, rows.panel_stride, column + b * lanes);
    V sum[R][N];
#pragma GCC unroll 8
    for (int k = 0; k < R; ++k)
#pragma GCC unroll 8
      for (int b = 0; b < N; ++b) sum[k][b] = hn::Zero(d);
    for (Index r = 0, at = 0; r < rows.rows; ++r, at += rows.row_stride) {
      V factor[R];
#pragma GCC unroll 8
      for (int k = 0; k < R; ++k) factor[k] = in_register(hn::Set(d, right[k * right_stride + r]));
#pragma GCC unroll 8
      for (int b = 0; b < N; ++b) {
        const V c = in_register(hn::LoadU(d, v[b] + at));
#pragma GCC unroll 8
        for (int k = 0; k < R; ++k) sum[k][b] = hn::MulAdd(factor[k], c, sum[k][b]);
      }
    }
#pragma GCC unroll 8
    for (int k = 0; k < R; ++k)
#pragma GCC unroll 8
      for (int b = 0; b < N; ++b) {
        T* const to = sums + k * rows.padded_d + column + b * lanes;
        hn::Store(hn::Add(hn::Load(d, to), sum[k][b]), d, to);
      }
  }

  template <int R, int N>
  static HWY_INLINE void right_columns(const GramRows<T>& rows, const T* right, Index right_stride, T* sums) {
    Index column = 0;
    for (; column + N * lanes <= rows.padded_d; column += N * lanes)
      right_tile<R, N>(rows, column, right, right_stride, sums);
    for (; column < rows.padded_d; column += lanes) right_tile<R, 1>(rows, column, right, right_stride, sums);
  }

  static void accumulate_right(const GramRows<T>& rows, const T* right, Index right_stride, Index n_rhs, T* sums) {
    Index k = 0;
    constexpr int many = tile_rows;
    for (; k + many <= n_rhs; k += many)
      right_columns<many, 2>(rows, right + k * right_stride, right_stride, sums + k * rows.padded_d);
    for (; k < n_rhs; ++k) right_columns<1, 8>(rows, right + k * right_stride, right_stride, sums + k * rows.padded_d);
  }

  template <bool weighted>
  static void pack_as(const T* in, Index columns, const GramRows<T>& shape, T* packed, T* scaled) {
    const D d;
    const Index whole = columns / line * line;
    for (Index r = 0; r < shape.rows; ++r, in += columns) {
      const T weight = weighted ? shape.weights[r] : T(1);
      Index to = r * shape.row_stride;
      for (Index c = 0; c < whole; c += line, to += shape.panel_stride)
#pragma GCC unroll 16
        for (Index k = 0; k < line; k += lanes) {
          const V entries = hn::LoadU(d, in + c + k);
          hn::Store(entries, d, packed + to + k);
          if (weighted) hn::Store(hn::Mul(entries, hn::Set(d, weight)), d, scaled + to + k);
        }
      if (whole == shape.padded_d) continue;
      for (Index k = 0; k < line; ++k) {
        const T entry = whole + k < columns ? in[whole + k] : T(0);
        packed[to + k] = entry;
        if (weighted) scaled[to + k] = weight * entry;
      }
    }
  }

  static void pack(const T* in, Index columns, const GramRows<T>& shape, T* packed, T* scaled) {
    if (shape.weights)
      pack_as<true>(in, columns, shape, packed, scaled);
    else
      pack_as<false>(in, columns, shape, packed, scaled);
  }

  static void add_compensated(const T* terms, Index n, T* sum, T* compensation) {
    const auto add = [=](auto d, Index i) {
      const auto y = hn::Sub(hn::LoadU(d, terms + i), hn::LoadU(d, compensation + i));
      const auto old = hn::LoadU(d, sum + i), total = hn::Add(old, y);
      hn::StoreU(hn::Sub(hn::Sub(total, old), y), d, compensation + i);
      hn::StoreU(total, d, sum + i);
    };
    Index i = 0;
    for (; i + lanes <= n; i += lanes) add(D{}, i);
    for (; i < n; ++i) add(hn::CappedTag<T, 1>(), i);
  }
};

GramKernel<float> gram_f32() {
  using L = GramLoops<float>;
  return {.target = hwy::TargetName(HWY_TARGET),
          .pack = &L::pack,
          .sums_size = &L::sums_size,
          .accumulate = &L::accumulate,
          .unpack_sums = &L::unpack_sums,
          .accumulate_right = &L::accumulate_right,
          .add_compensated = &L::add_compensated};
}
GramKernel<double> gram_f64() {
  using L = GramLoops<double>;
  return {.target = hwy::TargetName(HWY_TARGET),
          .pack = &L::pack,
          .sums_size = &L::sums_size,
          .accumulate = &L::accumulate,
          .unpack_sums = &L::unpack_sums,
          .accumulate_right = &L::accumulate_right,
          .add_compensated = &L::add_compensated};
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
