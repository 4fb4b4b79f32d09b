// The side of the keys of feature_tiles.hpp, compiled once for each instruction set (no #pragma once: the guard below
// toggles). No std:: function is called here: an inline one compiled for a newer instruction set could be the copy the
// linker keeps for everybody.
#if defined(BREAKEVEN_FEATURE_SUMS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_FEATURE_SUMS_INL
#undef BREAKEVEN_FEATURE_SUMS_INL
#else
#define BREAKEVEN_FEATURE_SUMS_INL
#endif

#include <hwy/highway.h>

#include "numerics/feature_tiles.hpp"
#include "numerics/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
// Internal, so that other kernels may use the same short names in this namespace.
namespace {

// A vector holds `small` tokens (16 bytes) of as many columns as it has 16-byte blocks, and a row of a tile is met as
// `small` of its tokens in every block: one load that repeats them serves all columns, and what is left to be summed
// across lanes at the end of a tile is a block, not a vector.

template <class T>
inline constexpr int block_columns = lane_count<T> / static_cast<int>(small<T>);  ///< of one vector
inline constexpr int strip_vectors = 2;
template <class T>
inline constexpr int strip_columns = strip_vectors* block_columns<T>;
/// Rows handled at once: with two vectors of columns 28 accumulators of 32 registers, or 12 of 16. Even, see
/// add_up_to().
inline constexpr int max_rows = HWY_CAP_GE512 ? 14 : 6;
static_assert(max_rows <= family_rows);

// ---- layout of the values ------------------------------------------------------------------------------------------

#if HWY_TARGET == HWY_SCALAR

template <class T>
inline constexpr Index rows_of_strips = 1;
template <class T>
HWY_INLINE void lay_out_strips(const T* in, Index, T* out) {
  out[0] = in[0];
  out[1] = in[1];
}
template <int N, int n, class T>
HWY_INLINE void store_block_sums(const hn::Vec1<T>* v, T* sums) {
  for (int k = 0; k < n; ++k) sums[k] = hn::GetLane(v[k]);
}

#else

/// Rows of `rows_of_strips` tokens and two vectors of columns, as many as a vector of doubles has lanes, laid out so
/// that each 16-byte block of a vector holds successive tokens of one column: out[16 bytes of
/// tokens][vector][block][token]. Which column is in which block is what interleaving gives, see StripOrder.
template <class T>
inline constexpr Index rows_of_strips = small<T>*(sizeof(T) == 4 ? 2 : 1);

HWY_INLINE void lay_out_strips(const float* in, Index stride, float* out) {
  const Full<float> d;
  const hn::Half<Full<float> > half;
  constexpr Index lanes = lane_count<float>;
  Vec<float> x[4];
#pragma GCC unroll 4
  for (Index r = 0; r < 4; ++r)
    x[r] = hn::Combine(d, hn::LoadU(half, in + (4 + r) * stride), hn::LoadU(half, in + r * stride));
  transpose_in_blocks(d, x);
  hn::Store(hn::ConcatLowerLower(d, x[1], x[0]), d, out);
  hn::Store(hn::ConcatLowerLower(d, x[3], x[2]), d, out + lanes);
  hn::Store(hn::ConcatUpperUpper(d, x[1], x[0]), d, out + 2 * lanes);
  hn::Store(hn::ConcatUpperUpper(d, x[3], x[2]), d, out + 3 * lanes);
}
HWY_INLINE void lay_out_strips(const double* in, Index stride, double* out) {
  const Full<double> d;
  const auto a = hn::LoadU(d, in), b = hn::LoadU(d, in + stride);
  hn::Store(hn::InterleaveLower(d, a, b), d, out);
  hn::Store(hn::InterleaveUpper(d, a, b), d, out + lane_count<double>);
}

/// The permutation of block_sums() of N vectors to a row that brings each sum to its row and column: the columns of two
/// vectors are as lay_out_strips() leaves them, those of a single one in order.
template <int N, class T>
struct StripOrder {
  hwy::MakeSigned<T> source[lane_count<T>];
  static constexpr int each = static_cast<int>(small<T>), blocks = static_cast<int>(lane_count<T>) / each;

  static constexpr int column(int vector, int block) {
    if (N == 1) return block;
    if (sizeof(T) == 8) return 2 * block + vector;
    constexpr int in_half = blocks / 2;
    return block % in_half * 4 + 2 * vector + block / in_half;
  }
  constexpr StripOrder() : source{} {
    for (int b = 0; b < blocks; ++b)
      for (int k = 0; k < each; ++k) source[k / N * N * blocks + column(k % N, b)] = b * each + k;
  }
};
template <int N, class T>
inline constexpr StripOrder<N, T> strip_order;

/// The sums over the 16-byte blocks of n vectors, N of them to a row: sums[row][column], whole multiples of 4 vectors
/// of floats or 2 of doubles.
template <int N, int n, class T>
HWY_INLINE void store_block_sums(const Vec<T>* v, T* sums) {
  const Full<T> d;
  constexpr int each = StripOrder<N, T>::each, blocks = StripOrder<N, T>::blocks;
  const auto order = hn::SetTableIndices(d, strip_order<N, T>.source);
#pragma GCC unroll 16
  for (int k = 0; k < n; k += each) hn::Store(hn::TableLookupLanes(block_sums(v + k), order), d, sums + k * blocks);
}

#endif

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

// ---- sums over tokens ----------------------------------------------------------------------------------------------

template <class T>
HWY_INLINE const T* at_offset(const T* tile, Index bytes) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(tile) + bytes);
}

/// The rows that meet the values: rows of a tile as they stand,
template <class T>
struct Kept {
  const T* rows;
  static constexpr bool has_factor = false;
  HWY_INLINE Vec<T> value(const T* values, Index) const { return hn::Load(Full<T>(), values); }
};
/// or the same times one variable, which costs less on the side of the values.
template <class T>
struct Multiplied {
  const T* rows;
  const T* factor;
  static constexpr bool has_factor = true;
  HWY_INLINE Vec<T> value(const T* values, Index i) const {
    const Full<T> d;
    return hn::Mul(hn::Load(d, values), hn::LoadDup128(d, factor + i));
  }
};

/// sums[row][column] over the tokens, for R rows and a strip of N vectors of values.
template <int R, int N, class T, class Rows>
HWY_NOINLINE void strip_sums(const Rows& source, Index tokens, const T* values, T* sums) {
  const Full<T> d;
  constexpr int lanes = lane_count<T>, each = static_cast<int>(small<T>);
  constexpr int sets = R * N < 8 ? 2 : 1;  // eight independent chains hide the latency of the multiply-add
  const Rows from = source;
  Vec<T> sum[sets][(R * N + each - 1) / each * each];
#pragma GCC unroll 2
  for (auto& set : sum)
#pragma GCC unroll 32
    for (auto& entry : set) entry = hn::Zero(d);
  constexpr Index unrolled = 2;
  for (Index first = 0; first < tokens; first += unrolled * small<T>)
#pragma GCC unroll 2
    for (int u = 0; u < unrolled; ++u, values += strip_vectors * lanes) {
      const Index i = first + u * small<T>;
      Vec<T> value[N];
#pragma GCC unroll 2
      for (int h = 0; h < N; ++h) value[h] = in_register(from.value(values + h * lanes, i));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const auto row = in_register(hn::LoadDup128(d, from.rows + r * tile_stride<T> + i));
#pragma GCC unroll 2
        for (int h = 0; h < N; ++h) {
          auto& to = sum[u % sets][r * N + h];
          to = hn::MulAdd(row, value[h], to);
        }
      }
    }
  if constexpr (sets == 2)
    for (int k = 0; k < R * N; ++k) sum[0][k] = hn::Add(sum[0][k], sum[1][k]);
  store_block_sums<N, R * N>(sum[0], sums);
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
  for (Index strip = 0; strip < strips; ++strip) add_strip<R>(rows, n, first, strip, to);
  alignas(64) T sums[R + lane_count<T>] = {};
  row_sums<R>(rows, to.tokens, sums);
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

/// Products, in a pass of their own: loads of what was just stored would wait among the multiply-adds.
template <class T>
void make_rows(const T* tile, Index tokens, const RowOffsets* links, Index n, T* out) {
  const Full<T> d;
  for (Index r = 0; r < n; ++r, out += tile_stride<T>) {
    const T* const parent = at_offset(tile, links[r].parent);
    const T* const factor = at_offset(tile, links[r].factor);
    for (Index i = 0; i < tokens; i += lane_count<T>)
      hn::Store(hn::Mul(hn::Load(d, parent + i), hn::Load(d, factor + i)), d, out + i);
  }
}

template <class T>
void accumulate(T* tile, Index tokens, const FeatureFamilies& families, T* parents, const T* values, Index columns,
                double* state, double* totals) {
  const TileSums<T> to{tokens, values, columns, state, totals};
  const auto at_most = [](Index n) { return n < max_rows ? n : max_rows; };
  const Index given = families.given, n_rows = families.first_parent;
  make_rows(tile, tokens, families.links + given, n_rows - given, tile + given * tile_stride<T>);
  for (Index r = 0; r < n_rows; r += max_rows)
    add_up_to<max_rows>(Kept<T>{tile + r * tile_stride<T>}, at_most(n_rows - r), r, to);
  for (Index r = 0; r < families.n_parents; r += max_rows) {
    const Index n = at_most(families.n_parents - r);
    make_rows(tile, tokens, families.links + n_rows + r, n, parents);
    add_up_to<max_rows>(Kept<T>{parents}, n, n_rows + r, to);
    for (Index v = 0; v < families.variables; ++v) {
      const Index left = families.children[v].count - r;
      if (left > 0)
        add_up_to<max_rows>(Multiplied<T>{parents, tile + (1 + v) * tile_stride<T>}, left < n ? left : n,
                            families.children[v].first + r, to);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#endif
