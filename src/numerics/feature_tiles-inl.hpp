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

#include "numerics/feature_tiles.hpp"
#include "numerics/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

// Internal, so that other kernels may use the same short names in this namespace.
namespace {

// Columns handled at once: with three vectors of tokens (apply) or three features (accumulate) 27 accumulators of 32
// registers, or 12 of 16.
inline constexpr Index max_columns = HWY_CAP_GE512 ? 9 : 4;
inline constexpr Index max_keys = HWY_CAP_GE512 ? 8 : 4;  // likewise, for scores

/// Balanced groups: the first column of group g of n.
HWY_INLINE Index group_begin(Index columns, Index groups, Index g) {
  return columns * g / groups;
}
HWY_INLINE Index column_groups(Index columns) {
  return (columns + max_columns - 1) / max_columns;
}

// ---- features ------------------------------------------------------------------------------------------------------

/// tile[first + a] = parent a times factor a. A panel is short: its loop is unrolled.
template <bool panel, class T>
HWY_INLINE void expand_rows(T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links, Index first) {
  const Full<T> d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
  T* out = tile + first * stride;
  for (Index a = 0; a < n_links; ++a, out += stride) {
    const T* parent = tile + links[a].parent * stride;
    const T* factor = tile + links[a].factor * stride;
    const auto store_product = [&](Index i) {
      hn::Store(hn::Mul(hn::Load(d, parent + i), hn::Load(d, factor + i)), d, out + i);
    };
    if constexpr (panel) {
#pragma GCC unroll 12
      for (Index i = 0; i < panel_tokens<T>; i += lanes) store_product(i);
    } else {
      for (Index i = 0; i < tokens; i += lanes) store_product(i);
    }
  }
}

template <class T>
void expand(T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links, Index first) {
  if (stride == panel_tokens<T> && tokens == panel_tokens<T>)
    expand_rows<true>(tile, panel_tokens<T>, tokens, links, n_links, first);
  else
    expand_rows<false>(tile, stride, tokens, links, n_links, first);
}

// ---- sums over tokens ----------------------------------------------------------------------------------------------

template <class T>
inline constexpr int lane_count = static_cast<int>(hn::MaxLanes(Full<T>()));

/// Where the sum of feature f of F and column c of N is put: vectors of doubles side by side, what is left behind them.
/// So each is read back as a part of one vector that was stored, never of two, for which the processor would wait.
template <int F, int N>
constexpr int sum_place(int f, int c) {
  constexpr int wide = N / lane_count<double> * lane_count<double>;
  return c < wide ? f * wide + c : F * wide + f * (N - wide) + c - wide;
}
template <int F, int N, class T>
inline constexpr int sum_room = (F * N + lane_count<T> - 1) / lane_count<T>* lane_count<T>;

/// sums[sum_place(f, c)] = feature f times column c, summed over the tokens in registers, for F features and N columns.
/// Not inlined: whatever else were alive here would take the register of `value`, and each multiply-add its own load.
template <int F, int N, class T>
HWY_NOINLINE void block_sums(const T* tile, Index stride, Index tokens, const FeatureLink* links, const T* values,
                             Index columns, T* sums) {
  const Full<T> d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
  Vec<T> sum[F * N];
#pragma GCC unroll 32
  for (int k = 0; k < F * N; ++k) sum[k] = hn::Zero(d);
  const T* parent[F];
  const T* factor[F];
#pragma GCC unroll 4
  for (int f = 0; f < F; ++f) {
    parent[f] = tile + links[f].parent * stride;
    factor[f] = tile + links[f].factor * stride;
  }
#pragma GCC unroll 2
  for (Index line = 0; line < tokens; line += line_tokens<T>, values += columns * line_tokens<T>) {
#pragma GCC unroll 16
    for (Index part = 0; part < line_tokens<T>; part += lanes) {
      Vec<T> feature[F];
#pragma GCC unroll 4
      for (int f = 0; f < F; ++f)
        feature[f] = hn::Mul(hn::Load(d, parent[f] + line + part), hn::Load(d, factor[f] + line + part));
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        const auto value = in_register(hn::Load(d, values + c * line_tokens<T> + part));
#pragma GCC unroll 4
        for (int f = 0; f < F; ++f) sum[f * N + c] = hn::MulAdd(feature[f], value, sum[f * N + c]);
      }
    }
  }
  Vec<T> placed[sum_room<F, N, T>];
#pragma GCC unroll 32
  for (int k = F * N; k < sum_room<F, N, T>; ++k) placed[k] = hn::Zero(d);
#pragma GCC unroll 4
  for (int f = 0; f < F; ++f)
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c) placed[sum_place<F, N>(f, c)] = sum[f * N + c];
#pragma GCC unroll 32
  for (int k = 0; k < sum_room<F, N, T>; k += lane_count<T>)
    hn::Store(lane_sums<lane_count<T>>(T(), placed + k), d, sums + k);
}

template <int F, int N, class T>
HWY_INLINE void accumulate_block(const T* tile, Index stride, Index tokens, const FeatureLink* links, const T* values,
                                 Index columns, double* state) {
  alignas(64) T sums[sum_room<F, N, T>];
  block_sums<F, N>(tile, stride, tokens, links, values, columns, sums);
  const Full<double> d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(Full<double>()));
#pragma GCC unroll 4
  for (int f = 0; f < F; ++f) {
    double* row = state + f * columns;
    int c = 0;
    for (; c + lanes <= N; c += lanes)
      hn::StoreU(hn::Add(hn::LoadU(d, row + c), widen(sums + sum_place<F, N>(f, c))), d, row + c);
    for (; c < N; ++c) row[c] += static_cast<double>(sums[sum_place<F, N>(f, c)]);
  }
}

template <int N, class T>
HWY_NOINLINE void accumulate_columns(const T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links,
                                     const T* values, Index columns, double* state) {
  Index a = 0;
  for (; a + 3 <= n_links; a += 3)
    accumulate_block<3, N>(tile, stride, tokens, links + a, values, columns, state + a * columns);
  for (; a < n_links; ++a)
    accumulate_block<1, N>(tile, stride, tokens, links + a, values, columns, state + a * columns);
}

template <int N, class T>
HWY_INLINE void accumulate_group(Index group_columns, const T* tile, Index stride, Index tokens,
                                 const FeatureLink* links, Index n_links, const T* values, Index columns,
                                 double* state) {
  if (group_columns == N) return accumulate_columns<N>(tile, stride, tokens, links, n_links, values, columns, state);
  if constexpr (N > 1)
    accumulate_group<N - 1>(group_columns, tile, stride, tokens, links, n_links, values, columns, state);
}

/// Features in chunks, so that their parents, of 256 KiB at most, stay in the second-level cache for all column groups.
template <class T>
void accumulate(const T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links, const T* values,
                Index columns, double* state) {
  constexpr Index chunk_entries = (Index{1} << 18) / static_cast<Index>(sizeof(T));
  const Index chunk = 3 * (1 + chunk_entries / (3 * stride)), groups = column_groups(columns);
  for (Index first = 0; first < n_links; first += chunk) {
    const Index n = n_links - first < chunk ? n_links - first : chunk;
    for (Index g = 0; g < groups; ++g) {
      const Index begin = group_begin(columns, groups, g), end = group_begin(columns, groups, g + 1);
      accumulate_group<max_columns>(end - begin, tile, stride, tokens, links + first, n,
                                    values + begin * line_tokens<T>, columns, state + first * columns + begin);
    }
  }
}

/// Three parents are multiplied out into rows that stay in the first-level cache and meet all their children there: the
/// rows of all parents together would pass through the second-level cache, once to be written and once for each child.
template <class T>
void accumulate_families(T* tile, Index stride, Index tokens, const FeatureFamilies& families, Index parents_row,
                         const T* values, Index columns, double* state) {
  const Index groups = column_groups(columns);
  for (Index r = 0; r < families.n_parents; r += family_rows) {
    const Index n = families.n_parents - r < family_rows ? families.n_parents - r : family_rows;
    expand_rows<false>(tile, stride, tokens, families.parents + r, n, parents_row);
    for (Index g = 0; g < groups; ++g) {
      const Index begin = group_begin(columns, groups, g), end = group_begin(columns, groups, g + 1);
      const auto add = [&](Index factor, Index n_links, Index feature) {
        FeatureLink links[family_rows];
        for (Index f = 0; f < n_links; ++f)
          links[f] = {static_cast<std::int32_t>(parents_row + f), static_cast<std::int32_t>(factor)};
        accumulate_group<max_columns>(end - begin, tile, stride, tokens, links, n_links,
                                      values + begin * line_tokens<T>, columns, state + feature * columns + begin);
      };
      add(0, n, families.first_parent + r);
      for (Index v = 0; v < families.variables; ++v) {
        const Index left = families.children[v].count - r;
        if (left > 0) add(1 + v, left < n ? left : n, families.children[v].first + r);
      }
    }
  }
}

template <class T>
void weigh(const double* state, const double* weights, Index features, Index columns, T* out) {
  const Full<double> d;
  const hn::Rebind<T, Full<double>> narrow_d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<double>()));
  for (Index a = 0; a < features; ++a, state += columns, out += columns) {
    const auto weight = hn::Set(d, weights[a]);
    Index c = 0;
    for (; c + lanes <= columns; c += lanes)
      hn::StoreU(narrow(T(), hn::Mul(hn::LoadU(d, state + c), weight)), narrow_d, out + c);
    for (; c < columns; ++c) out[c] = static_cast<T>(state[c] * weights[a]);
  }
}

// ---- sums over features (or keys) ----------------------------------------------------------------------------------

/// The next row that `apply` multiplies: a product of two rows of a tile, or a row of scores as it stands.
template <class T>
struct Products {
  const T* tile;
  const PanelLink* links;
  HWY_INLINE Vec<T> row(Index a, Index at) const {
    const Full<T> d;
    return hn::Mul(hn::Load(d, tile + links[a].parent + at), hn::Load(d, tile + links[a].factor + at));
  }
};
template <class T>
struct Scores {
  const T* scores;
  HWY_INLINE Vec<T> row(Index j, Index at) const { return hn::Load(Full<T>(), scores + j * panel_tokens<T> + at); }
};

/// N columns times three vectors of tokens, summed over `n` rows in registers, starting from what `sums` holds.
template <int N, class T, class Rows>
HWY_NOINLINE void sum_columns(const Rows& rows, Index n, const T* coefficients, Index columns, T* sums) {
  const Full<T> d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
  constexpr int width = 3;
  for (Index at = 0; at < panel_tokens<T>; at += width * lanes) {
    Vec<T> sum[N][width];
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
#pragma GCC unroll 4
      for (int u = 0; u < width; ++u) sum[c][u] = hn::Load(d, sums + c * panel_tokens<T> + at + u * lanes);
    const T* coefficient = coefficients;
    for (Index a = 0; a < n; ++a, coefficient += columns) {
      const Vec<T> row0 = rows.row(a, at), row1 = rows.row(a, at + lanes), row2 = rows.row(a, at + 2 * lanes);
#pragma GCC unroll 16
      for (int c = 0; c < N; ++c) {
        const auto factor = hn::Set(d, coefficient[c]);
        sum[c][0] = hn::MulAdd(row0, factor, sum[c][0]);
        sum[c][1] = hn::MulAdd(row1, factor, sum[c][1]);
        sum[c][2] = hn::MulAdd(row2, factor, sum[c][2]);
      }
    }
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
#pragma GCC unroll 4
      for (int u = 0; u < width; ++u) hn::Store(sum[c][u], d, sums + c * panel_tokens<T> + at + u * lanes);
  }
}

template <int N, class T, class Rows>
HWY_INLINE void sum_group(Index group_columns, const Rows& rows, Index n, const T* coefficients, Index columns,
                          T* sums) {
  if (group_columns == N) return sum_columns<N>(rows, n, coefficients, columns, sums);
  if constexpr (N > 1) sum_group<N - 1>(group_columns, rows, n, coefficients, columns, sums);
}

template <class T, class Rows>
HWY_INLINE void sum_rows(const Rows& rows, Index n, const T* coefficients, Index columns, T* sums) {
  const Index groups = column_groups(columns);
  for (Index g = 0; g < groups; ++g) {
    const Index begin = group_begin(columns, groups, g), end = group_begin(columns, groups, g + 1);
    sum_group<max_columns>(end - begin, rows, n, coefficients + begin, columns, sums + begin * panel_tokens<T>);
  }
}

template <class T>
void apply(const T* tile, const PanelLink* links, Index n_links, const T* coefficients, Index columns, T* sums) {
  for (Index i = 0; i < columns * panel_tokens<T>; ++i) sums[i] = 0;
  sum_rows(Products<T>{tile, links}, n_links, coefficients, columns, sums);
}

template <class T>
void add_values(const T* scores, Index n_keys, const T* values, Index columns, T* sums) {
  sum_rows(Scores<T>{scores}, n_keys, values, columns, sums);
}

// ---- scores inside a causal block ----------------------------------------------------------------------------------

/// Horner in place on `count` tokens: six independent chains hide the latency of the multiply-add.
template <class T>
HWY_INLINE void evaluate_polynomial(const T* c, Index n_c, T* scores, Index count) {
  const Full<T> d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
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
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
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
  for (Index at = 0; at < panel_tokens<T>; at += static_cast<Index>(hn::Lanes(d))) {
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
          .expand = expand<T>,
          .accumulate = accumulate<T>,
          .accumulate_families = accumulate_families<T>,
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
