// The kernels of feature_tiles.hpp, compiled once for each instruction set (no #pragma once: the guard below toggles).
// No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the linker
// keeps for everybody.
#if defined(BREAKEVEN_FEATURE_TILES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_FEATURE_TILES_INL
#undef BREAKEVEN_FEATURE_TILES_INL
#else
#define BREAKEVEN_FEATURE_TILES_INL
#endif

#include <hwy/highway.h>

#include "numerics/feature_sums-inl.hpp"
#include "numerics/feature_tiles.hpp"
#include "numerics/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

// Internal, so that other kernels may use the same short names in this namespace.
namespace {

// Columns handled at once: with three vectors of tokens 27 accumulators of 32 registers, or 12 of 16.
inline constexpr Index max_columns = HWY_CAP_GE512 ? 9 : 4;
inline constexpr Index max_keys = HWY_CAP_GE512 ? 8 : 4;  // likewise, for scores

/// Balanced groups: the first column of group g of n.
HWY_INLINE Index group_begin(Index columns, Index groups, Index g) {
  return columns * g / groups;
}
HWY_INLINE Index column_groups(Index columns) {
  return (columns + max_columns - 1) / max_columns;
}

// ---- weights -------------------------------------------------------------------------------------------------------

template <class T>
void weigh(const double* state, const double* weights, Index features, Index columns, T* out) {
  const Full<double> d;
  const hn::Rebind<T, Full<double>> narrow_d;
  constexpr Index lanes = lane_count<double>;
  for (Index a = 0; a < features; ++a, state += columns, out += columns) {
    const auto weight = hn::Set(d, weights[a]);
    Index c = 0;
    for (; c + lanes <= columns; c += lanes)
      hn::StoreU(narrow(T(), hn::Mul(hn::LoadU(d, state + c), weight)), narrow_d, out + c);
    for (; c < columns; ++c) out[c] = static_cast<T>(state[c] * weights[a]);
  }
}

// ---- norms ---------------------------------------------------------------------------------------------------------

template <class T>
T largest_squared_norm(const T* rows, Index variables, Index tokens, Index stride) {
  const Full<T> d;
  auto largest = hn::Zero(d);
  for (Index at = 0; at < tokens; at += lane_count<T>) {
    const T* row = rows + at;
    auto even = hn::Zero(d), odd = even;  // two chains, which wait half as long
    for (Index v = 0; v + 1 < variables; v += 2, row += 2 * stride) {
      const auto x = hn::Load(d, row), y = hn::Load(d, row + stride);
      even = hn::MulAdd(x, x, even);
      odd = hn::MulAdd(y, y, odd);
    }
    if (variables % 2 != 0) {
      const auto x = hn::Load(d, row);
      even = hn::MulAdd(x, x, even);
    }
    largest = hn::Max(largest, hn::Add(even, odd));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// ---- sums over features (or keys) ----------------------------------------------------------------------------------

/// The rows that are summed: as they stand,
template <class T>
struct Rows {
  const T* rows;
  HWY_INLINE Vec<T> row(Index j, Index at) const { return hn::Load(Full<T>(), rows + j * panel_tokens<T> + at); }
};
/// products of two rows of a tile,
template <class T>
struct Products {
  const T* tile;
  const RowOffsets* links;
  HWY_INLINE Vec<T> row(Index a, Index at) const {
    const Full<T> d;
    return hn::Mul(hn::Load(d, at_offset(tile, links[a].parent) + at),
                   hn::Load(d, at_offset(tile, links[a].factor) + at));
  }
};
/// or products that are stored on the way, as row a of `rows`: the multiply-adds leave the ports of stores alone.
template <class T>
struct StoredProducts {
  Products<T> products;
  T* rows;
  HWY_INLINE Vec<T> row(Index a, Index at) const {
    const Vec<T> product = products.row(a, at);
    hn::Store(product, Full<T>(), rows + a * panel_tokens<T> + at);
    return product;
  }
};

/// n rows of a source.
template <class Source>
struct Stretch {
  Source rows;
  Index n;
};

/// What becomes of a sum over rows: it replaces what `sums` holds, is added to it, or is added to it times a row.
enum class Join { replaces, adds, adds_times_row };

/// Adds a stretch of rows, as many coefficients further on each, to N columns times three vectors of tokens.
template <int N, class T, class Source, class Sums>
HWY_INLINE void add_rows_of(const Stretch<Source>& stretch, Index at, const T*& coefficient, Index columns, Sums& sum) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  const Source rows = stretch.rows;
  for (Index a = 0; a < stretch.n; ++a, coefficient += columns) {
    const Vec<T> row0 = rows.row(a, at), row1 = rows.row(a, at + lanes), row2 = rows.row(a, at + 2 * lanes);
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) {
      const auto factor = hn::Set(d, coefficient[c]);
      sum[c][0] = hn::MulAdd(row0, factor, sum[c][0]);
      sum[c][1] = hn::MulAdd(row1, factor, sum[c][1]);
      sum[c][2] = hn::MulAdd(row2, factor, sum[c][2]);
    }
  }
}

/// N columns times three vectors of tokens, summed over stretches of rows in registers.
template <int N, Join join, class T, class... Sources>
HWY_NOINLINE void sum_columns(const T* coefficients, Index columns, const T* times, T* sums,
                              const Stretch<Sources>&... stretches) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  constexpr int width = 3;
  for (Index at = 0; at < panel_tokens<T>; at += width * lanes) {
    Vec<T> sum[N][width];
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
#pragma GCC unroll 4
      for (int u = 0; u < width; ++u)
        sum[c][u] = join == Join::adds ? hn::Load(d, sums + c * panel_tokens<T> + at + u * lanes) : hn::Zero(d);
    const T* coefficient = coefficients;
    (add_rows_of<N>(stretches, at, coefficient, columns, sum), ...);
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
#pragma GCC unroll 4
      for (int u = 0; u < width; ++u) {
        T* const out = sums + c * panel_tokens<T> + at + u * lanes;
        if constexpr (join == Join::adds_times_row)
          sum[c][u] = hn::MulAdd(sum[c][u], hn::Load(d, times + at + u * lanes), hn::Load(d, out));
        hn::Store(sum[c][u], d, out);
      }
  }
}

template <int N, Join join, class T, class... Sources>
HWY_INLINE void sum_group(Index group_columns, const T* coefficients, Index columns, const T* times, T* sums,
                          const Stretch<Sources>&... stretches) {
  if (group_columns == N) return sum_columns<N, join>(coefficients, columns, times, sums, stretches...);
  if constexpr (N > 1) sum_group<N - 1, join>(group_columns, coefficients, columns, times, sums, stretches...);
}

/// Columns [group g of them, the last].
template <Join join, class T, class... Sources>
HWY_INLINE void sum_groups(Index g, Index last, const T* coefficients, Index columns, const T* times, T* sums,
                           const Stretch<Sources>&... stretches) {
  const Index groups = column_groups(columns);
  for (; g < last; ++g) {
    const Index begin = group_begin(columns, groups, g), end = group_begin(columns, groups, g + 1);
    sum_group<max_columns, join>(end - begin, coefficients + begin, columns, times, sums + begin * panel_tokens<T>,
                                 stretches...);
  }
}

template <class T>
void apply(T* tile, const PanelRows& rows, const FeatureRuns& runs, const T* coefficients, Index columns, T* sums) {
  constexpr const T* nothing = nullptr;
  const Index groups = column_groups(columns);
  const RowOffsets* const links = rows.links;
  const Products<T> made{tile, links + rows.given};
  const Stretch<Rows<T>> given{{tile}, rows.given}, stored{{tile}, rows.stored};
  const Stretch<StoredProducts<T>> storing{{made, tile + rows.given * panel_tokens<T>}, rows.stored - rows.given};
  const Stretch<Products<T>> others{{tile, links + rows.stored}, rows.products - rows.stored};
  sum_groups<Join::replaces>(0, 1, coefficients, columns, nothing, sums, given, storing, others);
  sum_groups<Join::replaces>(1, groups, coefficients, columns, nothing, sums, stored, others);
  for (Index v = runs.first_variable; v < runs.variables; ++v) {
    const FeatureRun& run = runs.runs[v];
    const Stretch<Rows<T>> parents{{tile + runs.first_parent * panel_tokens<T>}, run.count};
    sum_groups<Join::adds_times_row>(0, groups, coefficients + run.first * columns, columns,
                                     tile + (1 + v) * panel_tokens<T>, sums, parents);
  }
}

template <class T>
void add_values(const T* scores, Index n_keys, const T* values, Index columns, T* sums) {
  sum_groups<Join::adds>(0, column_groups(columns), values, columns, static_cast<const T*>(nullptr), sums,
                         Stretch<Rows<T>>{{scores}, n_keys});
}

// ---- scores inside a causal block ----------------------------------------------------------------------------------

/// Horner in place on `count` tokens: six independent chains hide the latency of the multiply-add.
template <class T>
HWY_INLINE void evaluate_polynomial(const T* c, Index n_c, T* scores, Index count) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  constexpr int chains = 6;
  for (Index at = 0; at < count; at += chains * lanes) {
    Vec<T> s[chains], p[chains];
#pragma GCC unroll 8
    for (int u = 0; u < chains; ++u) {
      s[u] = hn::Load(d, scores + at + u * lanes);
      p[u] = hn::Set(d, c[n_c - 1]);
    }
    for (Index k = n_c - 2; k >= 0; --k) {
      const auto next = hn::Set(d, c[k]);
#pragma GCC unroll 8
      for (int u = 0; u < chains; ++u) p[u] = hn::MulAdd(p[u], s[u], next);
    }
#pragma GCC unroll 8
    for (int u = 0; u < chains; ++u) hn::Store(p[u], d, scores + at + u * lanes);
  }
}

template <class T>
void score(const T* tile, const T* keys, Index n_keys, Index dimension, const T* c, Index n_c, T* scores) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  constexpr int width = 3;
  for (Index j = 0; j < n_keys; j += max_keys) {
    T* out = scores + j * panel_tokens<T>;
    for (Index at = 0; at < panel_tokens<T>; at += width * lanes) {
      Vec<T> sum[max_keys][width];
#pragma GCC unroll 8
      for (int r = 0; r < max_keys; ++r)
#pragma GCC unroll 4
        for (int u = 0; u < width; ++u) sum[r][u] = hn::Zero(d);
      const T* query = tile + panel_tokens<T> + at;  // row 1 on: the variables
      for (Index v = 0; v < dimension; ++v, query += panel_tokens<T>) {
        const Vec<T> q0 = hn::Load(d, query), q1 = hn::Load(d, query + lanes), q2 = hn::Load(d, query + 2 * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < max_keys; ++r) {
          const auto key = hn::Set(d, keys[(j + r) * dimension + v]);
          sum[r][0] = hn::MulAdd(q0, key, sum[r][0]);
          sum[r][1] = hn::MulAdd(q1, key, sum[r][1]);
          sum[r][2] = hn::MulAdd(q2, key, sum[r][2]);
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < max_keys; ++r)
#pragma GCC unroll 4
        for (int u = 0; u < width; ++u) hn::Store(sum[r][u], d, out + r * panel_tokens<T> + at + u * lanes);
    }
    evaluate_polynomial(c, n_c, out, max_keys * panel_tokens<T>);
  }
}

// ---- end -----------------------------------------------------------------------------------------------------------

template <class T>
void normalise(T* sums, Index columns, Index tokens, T* outputs, T* denominators) {
  const Full<T> d;
  const Index d_value = columns - 1;
  const T* denominator = sums + d_value * panel_tokens<T>;
  for (Index i = 0; i < tokens; ++i) denominators[i] = denominator[i];
  for (Index at = 0; at < panel_tokens<T>; at += lane_count<T>) {
    // One division for all columns: they are slow, and a product with the reciprocal is off by half an ulp more.
    const auto share = hn::Div(hn::Set(d, T(1)), hn::Load(d, denominator + at));
    for (Index c = 0; c < d_value; ++c) {
      T* row = sums + c * panel_tokens<T> + at;
      hn::Store(hn::Mul(hn::Load(d, row), share), d, row);
    }
  }
  transpose<T>(sums, d_value, tokens, panel_tokens<T>, nullptr, outputs, d_value);
}

template <class T>
FeatureTiles<T> tiles() {
  return {.target = hwy::TargetName(HWY_TARGET),
          .transpose = transpose<T>,
          .largest_squared_norm = largest_squared_norm<T>,
          .pack_values = pack_values<T>,
          .accumulate = accumulate<T>,
          .weigh = weigh<T>,
          .apply = apply<T>,
          .score = score<T>,
          .add_values = add_values<T>,
          .normalise = normalise<T>};
}

}  // namespace

FeatureTiles<float> tiles_f32() {
  return tiles<float>();
}
FeatureTiles<double> tiles_f64() {
  return tiles<double>();
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#endif
