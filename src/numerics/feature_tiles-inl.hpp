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

// ---- features ------------------------------------------------------------------------------------------------------

/// tile[first + a] = parent a times factor a, for `tokens` tokens, rows `stride` apart. A panel is short: its loop is
/// unrolled.
template <bool panel, class T>
HWY_INLINE void expand_rows(const T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links,
                            T* out) {
  const Full<T> d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
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
  T* const out = tile + first * stride;
  if (stride == panel_tokens<T> && tokens == panel_tokens<T>)
    expand_rows<true>(tile, panel_tokens<T>, tokens, links, n_links, out);
  else
    expand_rows<false>(tile, stride, tokens, links, n_links, out);
}

// ---- sums over tokens ----------------------------------------------------------------------------------------------

// A vector holds `small` tokens (16 bytes) of as many columns as it has 16-byte blocks, and a row of a tile is met as
// `small` of its tokens in every block: one load that repeats them serves all columns, and what is left to be summed
// across lanes at the end of a tile is a block, not a vector.

template <class T>
inline constexpr int lane_count = static_cast<int>(hn::MaxLanes(Full<T>()));
template <class T>
inline constexpr int block_columns = lane_count<T> / static_cast<int>(small<T>);  ///< of one vector
inline constexpr int strip_vectors = 2;
template <class T>
inline constexpr int strip_columns = strip_vectors* block_columns<T>;
/// Rows handled at once: with two vectors of columns 28 accumulators of 32 registers, or 12 of 16. Even, see
/// add_up_to().
inline constexpr int max_rows = HWY_CAP_GE512 ? 14 : 6;
static_assert(max_rows <= family_rows);

/// out[strip][16 bytes of tokens][vector][block][token], see lay_out_strips(); a last strip of so few columns that they
/// fit one vector is as long, its second vectors are not read. Zeros where columns or tokens are missing.
template <class T>
void pack_values(const T* values, Index rows, Index padded_rows, Index columns, T* out) {
  constexpr Index strip = strip_columns<T>, step = rows_of_strips<T>;
  for (Index c = 0; c < columns; c += strip) {
    const Index width = columns - c < strip ? columns - c : strip;
    for (Index i = 0; i < padded_rows; i += step, out += step * strip) {
      const T* const block = values + i * columns + c;
      if (rows - i >= step && width == strip) {
        lay_out_strips(block, columns, out);
        continue;
      }
      T padded[step * strip] = {};
      const Index n = rows - i < step ? rows - i : step;
      for (Index r = 0; r < n; ++r)
        for (Index k = 0; k < width; ++k) padded[r * strip + k] = block[r * columns + k];
      if (width > block_columns<T>) {
        lay_out_strips(padded, strip, out);
      } else {
        for (Index r = 0; r < step; ++r)
          for (Index k = 0; k < block_columns<T>; ++k)
            out[r / small<T> * small<T> * strip + k * small<T> + r % small<T>] = padded[r * strip + k];
      }
    }
  }
}

template <class T>
HWY_INLINE const T* at_offset(const T* tile, Index bytes) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(tile) + bytes);
}

/// The rows that meet the values: rows of a tile as they stand,
template <class T>
struct Kept {
  const T* rows;
  static constexpr bool has_factor = false;
  template <int R>
  HWY_INLINE void make(Index) const {}
  HWY_INLINE Vec<T> value(const T* values, Index) const { return hn::Load(Full<T>(), values); }
  HWY_INLINE Kept once_made() const { return *this; }
};
/// the same times one variable, which costs less on the side of the values,
template <class T>
struct Multiplied {
  const T* rows;
  const T* factor;
  static constexpr bool has_factor = true;
  template <int R>
  HWY_INLINE void make(Index) const {}
  HWY_INLINE Vec<T> value(const T* values, Index i) const {
    const Full<T> d;
    return hn::Mul(hn::Load(d, values), hn::LoadDup128(d, factor + i));
  }
  HWY_INLINE Multiplied once_made() const { return *this; }
};
/// or rows that are made on the way, a line of tokens at a time, which saves a pass over them.
template <class T>
struct Made {
  T* rows;
  const T* tile;
  const RowOffsets* links;
  static constexpr bool has_factor = false;
  template <int R>
  HWY_INLINE void make(Index line) const {
    const Full<T> d;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const T* const parent = at_offset(tile, links[r].parent) + line;
      const T* const factor = at_offset(tile, links[r].factor) + line;
#pragma GCC unroll 16
      for (Index i = 0; i < line_tokens<T>; i += lane_count<T>)
        hn::Store(hn::Mul(hn::Load(d, parent + i), hn::Load(d, factor + i)), d, rows + r * tile_stride<T> + line + i);
    }
  }
  HWY_INLINE Vec<T> value(const T* values, Index) const {
    return hn::Load(Full<T>(), values);
  }
  HWY_INLINE Kept<T> once_made() const {
    return {rows};
  }
};

/// sums[row][column] over the tokens, for R rows and a strip of N vectors of values.
template <int R, int N, class T, class Rows>
HWY_NOINLINE void strip_sums(const Rows& source, Index tokens, const T* values, T* sums) {
  const Full<T> d;
  constexpr int lanes = lane_count<T>, each = static_cast<int>(small<T>);
  const Rows from = source;
  Vec<T> sum[(R * N + each - 1) / each * each];
#pragma GCC unroll 32
  for (auto& entry : sum) entry = hn::Zero(d);
  for (Index line = 0; line < tokens; line += line_tokens<T>) {
    from.template make<R>(line);
#pragma GCC unroll 2
    for (Index i = line; i < line + line_tokens<T>; i += small<T>, values += strip_vectors * lanes) {
      Vec<T> value[N];
#pragma GCC unroll 2
      for (int h = 0; h < N; ++h) value[h] = in_register(from.value(values + h * lanes, i));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const auto row = in_register(hn::LoadDup128(d, from.rows + r * tile_stride<T> + i));
#pragma GCC unroll 2
        for (int h = 0; h < N; ++h) sum[r * N + h] = hn::MulAdd(row, value[h], sum[r * N + h]);
      }
    }
  }
  store_block_sums<N, R * N>(sum, sums);
}

/// sums[row] over the tokens, for R rows.
template <int R, class T, class Rows>
HWY_NOINLINE void row_sums(const Rows& from, Index tokens, T* sums) {
  const Full<T> d;
  constexpr int lanes = lane_count<T>, padded = (R + lanes - 1) / lanes * lanes;
  Vec<T> sum[padded];
#pragma GCC unroll 32
  for (auto& entry : sum) entry = hn::Zero(d);
  for (Index i = 0; i < tokens; i += lanes) {
    Vec<T> factor;
    if constexpr (Rows::has_factor) factor = in_register(hn::Load(d, from.factor + i));
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const auto row = hn::Load(d, from.rows + r * tile_stride<T> + i);
      if constexpr (Rows::has_factor)
        sum[r] = hn::MulAdd(row, factor, sum[r]);
      else
        sum[r] = hn::Add(row, sum[r]);
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < padded; r += lanes) hn::Store(lane_sums<lanes>(T(), sum + r), d, sums + r);
}

template <class T>
HWY_INLINE void add_to_row(const T* sums, Index n, double* row) {
  const Full<double> d;
  Index c = 0;
  for (; c + lane_count<double> <= n; c += lane_count<double>)
    hn::StoreU(hn::Add(hn::LoadU(d, row + c), widen(sums + c)), d, row + c);
  for (; c < n; ++c) row[c] += static_cast<double>(sums[c]);
}

/// The values of a tile and where the sums go: see FeatureTiles::accumulate.
template <class T>
struct TileSums {
  Index tokens;
  const T* values;
  Index columns;
  double* state;
  double* totals;
};

/// One strip of the values against R rows, of which n count.
template <int R, class T, class Rows>
HWY_INLINE void add_strip(const Rows& rows, Index n, Index first, Index strip, const TileSums<T>& to) {
  alignas(64) T sums[(R + 4) * strip_columns<T>];  // a tree of sums may take rows more than R
  const Index c = strip * strip_columns<T>, left = to.columns - 1 - c;
  const Index width = left < strip_columns<T> ? left : strip_columns<T>;
  const T* const values = to.values + c * to.tokens;
  const bool narrow = width <= block_columns<T>;
  if (narrow)
    strip_sums<R, 1>(rows, to.tokens, values, sums);
  else
    strip_sums<R, 2>(rows, to.tokens, values, sums);
  const Index row = narrow ? block_columns<T> : strip_columns<T>;
  for (Index r = 0; r < n; ++r) add_to_row(sums + r * row, width, to.state + (first + r) * to.columns + c);
}

/// Adds the sums over the tokens of n <= R rows, features `first` on.
template <int R, class T, class Rows>
HWY_NOINLINE void add_rows(const Rows& rows, Index n, Index first, const TileSums<T>& to) {
  const Index strips = (to.columns - 1 + strip_columns<T> - 1) / strip_columns<T>;
  add_strip<R>(rows, n, first, 0, to);
  const auto made = rows.once_made();
  for (Index strip = 1; strip < strips; ++strip) add_strip<R>(made, n, first, strip, to);
  alignas(64) T sums[R + lane_count<T>] = {};
  row_sums<R>(made, to.tokens, sums);
  add_to_row(sums, n, to.totals + first);
}

/// The same for any n <= R: an odd n takes one row more, whose sums are dropped, so that half as many loops are
/// compiled.
template <int R, class T, class Rows>
HWY_INLINE void add_up_to(const Rows& rows, Index n, Index first, const TileSums<T>& to) {
  if constexpr (R > 2)
    if (n <= R - 2) return add_up_to<R - 2>(rows, n, first, to);
  add_rows<R>(rows, n, first, to);
}

template <class T>
void accumulate(T* tile, Index tokens, Index n_rows, const FeatureFamilies& families, T* parents, const T* values,
                Index columns, double* state, double* totals) {
  const TileSums<T> to{tokens, values, columns, state, totals};
  const auto at_most = [](Index n) { return n < max_rows ? n : max_rows; };
  for (Index r = 0; r < n_rows; r += max_rows)
    add_up_to<max_rows>(Kept<T>{tile + r * tile_stride<T>}, at_most(n_rows - r), r, to);
  for (Index r = 0; r < families.n_parents; r += max_rows) {
    const Index n = at_most(families.n_parents - r);
    add_up_to<max_rows>(Made<T>{parents, tile, families.parents + r}, n, families.first_parent + r, to);
    for (Index v = 0; v < families.variables; ++v) {
      const Index left = families.children[v].count - r;
      if (left > 0)
        add_up_to<max_rows>(Multiplied<T>{parents, tile + (1 + v) * tile_stride<T>}, left < n ? left : n,
                            families.children[v].first + r, to);
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

/// The rows that are summed: products of two rows of a tile, or rows as they stand.
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
template <class T>
struct Rows {
  const T* rows;
  HWY_INLINE Vec<T> row(Index j, Index at) const { return hn::Load(Full<T>(), rows + j * panel_tokens<T> + at); }
};

/// What becomes of a sum over rows: it replaces what `sums` holds, is added to it, or is added to it times a row.
enum class Join { replaces, adds, adds_times_row };

/// N columns times three vectors of tokens, summed over `n` rows in registers.
template <int N, Join join, class T, class Source>
HWY_NOINLINE void sum_columns(const Source& source, Index n, const T* coefficients, Index columns, const T* times,
                              T* sums) {
  const Full<T> d;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full<T>()));
  constexpr int width = 3;
  const Source rows = source;
  for (Index at = 0; at < panel_tokens<T>; at += width * lanes) {
    Vec<T> sum[N][width];
#pragma GCC unroll 16
    for (int c = 0; c < N; ++c)
#pragma GCC unroll 4
      for (int u = 0; u < width; ++u)
        sum[c][u] = join == Join::adds ? hn::Load(d, sums + c * panel_tokens<T> + at + u * lanes) : hn::Zero(d);
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
      for (int u = 0; u < width; ++u) {
        T* const out = sums + c * panel_tokens<T> + at + u * lanes;
        if constexpr (join == Join::adds_times_row)
          sum[c][u] = hn::MulAdd(sum[c][u], hn::Load(d, times + at + u * lanes), hn::Load(d, out));
        hn::Store(sum[c][u], d, out);
      }
  }
}

template <int N, Join join, class T, class Source>
HWY_INLINE void sum_group(Index group_columns, const Source& rows, Index n, const T* coefficients, Index columns,
                          const T* times, T* sums) {
  if (group_columns == N) return sum_columns<N, join>(rows, n, coefficients, columns, times, sums);
  if constexpr (N > 1) sum_group<N - 1, join>(group_columns, rows, n, coefficients, columns, times, sums);
}

template <Join join, class T, class Source>
HWY_INLINE void sum_rows(const Source& rows, Index n, const T* coefficients, Index columns, const T* times, T* sums) {
  const Index groups = column_groups(columns);
  for (Index g = 0; g < groups; ++g) {
    const Index begin = group_begin(columns, groups, g), end = group_begin(columns, groups, g + 1);
    sum_group<max_columns, join>(end - begin, rows, n, coefficients + begin, columns, times,
                                 sums + begin * panel_tokens<T>);
  }
}

template <class T>
void apply(const T* tile, const RowOffsets* links, Index n_links, const FeatureRuns& runs, const T* coefficients,
           Index columns, T* sums) {
  constexpr const T* nothing = nullptr;
  sum_rows<Join::replaces>(Products<T>{tile, links}, n_links, coefficients, columns, nothing, sums);
  for (Index v = runs.first_variable; v < runs.variables; ++v)
    sum_rows<Join::adds_times_row>(Rows<T>{tile + runs.first_parent * panel_tokens<T>}, runs.runs[v].count,
                                   coefficients + runs.runs[v].first * columns, columns,
                                   tile + (1 + v) * panel_tokens<T>, sums);
}

template <class T>
void add_values(const T* scores, Index n_keys, const T* values, Index columns, T* sums) {
  sum_rows<Join::adds>(Rows<T>{scores}, n_keys, values, columns, static_cast<const T*>(nullptr), sums);
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
