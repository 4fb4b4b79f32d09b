#include "numerics/row_extent.hpp"

#include <limits>

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/row_extent.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace {

// Rows are transposed in small tiles, so that they lie in vector lanes and nothing is summed across lanes.
constexpr Index tile_rows = 64, strip_columns = 16;

template <class T>
struct Tile {
  alignas(64) T entries[strip_columns * tile_rows];  ///< [column][row]

  HWY_INLINE void fill(const T* rows, Index n_rows, Index columns, Index stride, const T* shift) {
    if (n_rows < tile_rows)
      for (T& entry : entries) entry = 0;
    transpose<T>(rows, n_rows, columns, stride, shift, entries, tile_rows);
  }
};

#if HWY_TARGET == HWY_SCALAR

template <bool shifted, class T>
HWY_INLINE Index largest_norm_in_place(const T*, Index, Index, const T*, T*) {
  return 0;
}

#else

/// In each of k adjacent blocks of 16 bytes, k = 1, 2 or 4, the sum of them.
template <class D>
HWY_INLINE hn::Vec<D> add_adjacent_blocks(D d, hn::Vec<D> v, Index k) {
  if (k >= 2) v = hn::Add(v, hn::SwapAdjacentBlocks(v));
  if (k >= 4) v = hn::Add(v, hn::ReverseBlocks(d, v));
  return v;
}

/// Norms of rows that fill vectors, or that vectors fill: squares are added where they lie, then across lanes, several
/// vectors in one tree. Raises `largest`; returns how many rows it took, from the first on.
template <bool shifted, class T>
HWY_INLINE Index largest_norm_in_place(const T* rows, Index n_rows, Index columns, const T* shift, T* largest) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>, blocks = lanes / small<T>;
  if (columns % small<T> != 0 || (lanes % columns != 0 && columns % lanes != 0)) return 0;
  const Index pieces = columns < lanes ? 1 : columns / lanes;  // vectors of a row
  const Index row_blocks = columns < lanes ? columns / small<T> : blocks;
  alignas(64) T repeated[lanes];
  if (shifted && columns < lanes) {
    for (Index i = 0; i < lanes; ++i) repeated[i] = shift[i % columns];
    shift = repeated;
  }
  const Index groups = n_rows * columns / (lanes * pieces * small<T>);
  auto above = hn::Set(d, *largest);
  for (Index g = 0; g < groups; ++g) {
    Vec<T> squares[small<T>];
#pragma GCC unroll 4
    for (auto& square : squares) {
      square = hn::Zero(d);
      for (Index piece = 0; piece < pieces; ++piece, rows += lanes) {
        auto x = hn::LoadU(d, rows);
        if constexpr (shifted) x = hn::Sub(x, hn::LoadU(d, shift + piece * lanes));
        square = hn::MulAdd(x, x, square);
      }
    }
    above = hn::Max(above, add_adjacent_blocks(d, block_sums(squares), row_blocks));
  }
  *largest = hn::GetLane(hn::MaxOfLanes(d, above));
  return groups * lanes * pieces * small<T> / columns;
}

#endif

/// -1 without a row; rounded to nearest.
template <class T>
T largest_norm(const T* rows, Index n_rows, Index columns, const T* shift) {
  const Full<T> d;
  T in_place = -1;
  const Index done = shift ? largest_norm_in_place<true>(rows, n_rows, columns, shift, &in_place)
                           : largest_norm_in_place<false>(rows, n_rows, columns, shift, &in_place);
  rows += done * columns;
  n_rows -= done;
  constexpr Index lanes = lane_count<T>;
  Tile<T> tile;
  alignas(64) T norms[tile_rows];
  auto largest = hn::Set(d, in_place);
  for (Index first = 0; first < n_rows; first += tile_rows) {
    const Index there = n_rows - first < tile_rows ? n_rows - first : tile_rows;
    for (T& norm : norms) norm = 0;
    for (Index c = 0; c < columns; c += strip_columns) {
      const Index width = columns - c < strip_columns ? columns - c : strip_columns;
      tile.fill(rows + first * columns + c, there, width, columns, shift ? shift + c : nullptr);
      for (Index at = 0; at < tile_rows; at += lanes) {
        auto norm = hn::Load(d, norms + at);
        for (Index r = 0; r < width; ++r) {
          const auto x = hn::Load(d, tile.entries + r * tile_rows + at);
          norm = hn::MulAdd(x, x, norm);
        }
        hn::Store(norm, d, norms + at);
      }
    }
    for (Index at = 0; at < tile_rows; at += lanes) largest = hn::Max(largest, hn::Load(d, norms + at));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

/// Where four vectors are whole rows, extremes are taken where the entries lie.
template <class T>
HWY_INLINE void column_extremes_in_place(const T* rows, Index n_rows, Index columns, T* highest, T* lowest) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  constexpr int chains = 4;
  const Index last = n_rows * columns - chains * lanes;
  Vec<T> above[chains], below[chains];
#pragma GCC unroll 4
  for (int u = 0; u < chains; ++u) above[u] = below[u] = hn::LoadU(d, rows + last + u * lanes);
  for (Index i = 0; i < last; i += chains * lanes)
#pragma GCC unroll 4
    for (int u = 0; u < chains; ++u) {
      const auto x = hn::LoadU(d, rows + i + u * lanes);
      above[u] = hn::Max(above[u], x);
      below[u] = hn::Min(below[u], x);
    }
  Index entries = chains * lanes;
  for (int half = chains / 2; half > 0 && entries / 2 % columns == 0; half /= 2, entries /= 2)
    for (int u = 0; u < half; ++u) {
      above[u] = hn::Max(above[u], above[u + half]);
      below[u] = hn::Min(below[u], below[u + half]);
    }
  alignas(64) T high[chains * lanes], low[chains * lanes];
#pragma GCC unroll 4
  for (int u = 0; u < chains; ++u) {
    hn::Store(above[u], d, high + u * lanes);
    hn::Store(below[u], d, low + u * lanes);
  }
  for (Index c = 0; c < columns; ++c) {
    highest[c] = high[c];
    lowest[c] = low[c];
    for (Index i = c + columns; i < entries; i += columns) {
      highest[c] = high[i] > highest[c] ? high[i] : highest[c];
      lowest[c] = low[i] < lowest[c] ? low[i] : lowest[c];
    }
  }
}

/// At least tile_rows rows, up to strip_columns columns. The last stretch of rows is a whole one again, some rows of
/// which were seen before.
template <class T>
void column_extremes(const T* rows, Index n_rows, Index columns, Index stride, T* highest, T* lowest) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  if (columns == stride && 4 * lanes % columns == 0)
    return column_extremes_in_place(rows, n_rows, columns, highest, lowest);
  Tile<T> tile;
  alignas(64) T high[strip_columns * lanes], low[strip_columns * lanes];
  for (Index first = 0; first < n_rows; first += tile_rows) {
    const Index begin = first < n_rows - tile_rows ? first : n_rows - tile_rows;
    tile.fill(rows + begin * stride, tile_rows, columns, stride, nullptr);
    for (Index c = 0; c < columns; ++c) {
      const T* const column = tile.entries + c * tile_rows;
      auto above = hn::Load(d, column), below = above;
      for (Index at = lanes; at < tile_rows; at += lanes) {
        above = hn::Max(above, hn::Load(d, column + at));
        below = hn::Min(below, hn::Load(d, column + at));
      }
      if (first > 0) {
        above = hn::Max(above, hn::Load(d, high + c * lanes));
        below = hn::Min(below, hn::Load(d, low + c * lanes));
      }
      hn::Store(above, d, high + c * lanes);
      hn::Store(below, d, low + c * lanes);
    }
  }
  for (Index c = 0; c < columns; ++c) {
    highest[c] = hn::GetLane(hn::MaxOfLanes(d, hn::Load(d, high + c * lanes)));
    lowest[c] = hn::GetLane(hn::MinOfLanes(d, hn::Load(d, low + c * lanes)));
  }
}

/// Returns how many are not positive.
template <class T>
Index smallest_entry(const T* x, Index n, T* smallest) {
  const Full<T> d;
  constexpr Index lanes = lane_count<T>;
  auto low = hn::Set(d, *smallest);
  Index positive = 0, i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto entry = hn::LoadU(d, x + i);
    positive += static_cast<Index>(hn::CountTrue(d, hn::Gt(entry, hn::Zero(d))));
    low = hn::IfThenElse(hn::Lt(entry, low), entry, low);
  }
  *smallest = hn::GetLane(hn::MinOfLanes(d, low));
  for (; i < n; ++i) {
    positive += x[i] > 0 ? 1 : 0;
    *smallest = x[i] < *smallest ? x[i] : *smallest;
  }
  return n - positive;
}

}  // namespace

Index smallest_entry_f32(const float* x, Index n, float* smallest) {
  return smallest_entry(x, n, smallest);
}
Index smallest_entry_f64(const double* x, Index n, double* smallest) {
  return smallest_entry(x, n, smallest);
}
float largest_norm_f32(const float* rows, Index n_rows, Index columns, const float* shift) {
  return largest_norm(rows, n_rows, columns, shift);
}
double largest_norm_f64(const double* rows, Index n_rows, Index columns, const double* shift) {
  return largest_norm(rows, n_rows, columns, shift);
}
void column_extremes_f32(const float* rows, Index n_rows, Index columns, Index stride, float* highest, float* lowest) {
  column_extremes(rows, n_rows, columns, stride, highest, lowest);
}
void column_extremes_f64(const double* rows, Index n_rows, Index columns, Index stride, double* highest,
                         double* lowest) {
  column_extremes(rows, n_rows, columns, stride, highest, lowest);
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

namespace breakeven {
namespace {

HWY_EXPORT(largest_norm_f32);
HWY_EXPORT(largest_norm_f64);
HWY_EXPORT(column_extremes_f32);
HWY_EXPORT(column_extremes_f64);
HWY_EXPORT(smallest_entry_f32);
HWY_EXPORT(smallest_entry_f64);

Index dispatch_smallest(const float* x, Index n, float* smallest) {
  return HWY_DYNAMIC_DISPATCH(smallest_entry_f32)(x, n, smallest);
}
Index dispatch_smallest(const double* x, Index n, double* smallest) {
  return HWY_DYNAMIC_DISPATCH(smallest_entry_f64)(x, n, smallest);
}

float dispatch_norm(const float* rows, Index n_rows, Index columns, const float* shift) {
  return HWY_DYNAMIC_DISPATCH(largest_norm_f32)(rows, n_rows, columns, shift);
}
double dispatch_norm(const double* rows, Index n_rows, Index columns, const double* shift) {
  return HWY_DYNAMIC_DISPATCH(largest_norm_f64)(rows, n_rows, columns, shift);
}
void dispatch_extremes(const float* rows, Index n_rows, Index columns, Index stride, float* highest, float* lowest) {
  HWY_DYNAMIC_DISPATCH(column_extremes_f32)(rows, n_rows, columns, stride, highest, lowest);
}
void dispatch_extremes(const double* rows, Index n_rows, Index columns, Index stride, double* highest, double* lowest) {
  HWY_DYNAMIC_DISPATCH(column_extremes_f64)(rows, n_rows, columns, stride, highest, lowest);
}

}  // namespace

template <class T>
double squared_norm_bound(T computed, Index columns) {
  // A sum of k squares carries at most k + 1 roundings, each up to eps / 2.
  const double roundings = static_cast<double>(columns + 1) * static_cast<double>(std::numeric_limits<T>::epsilon());
  return static_cast<double>(computed) * (1 + roundings);
}

template <class T>
double largest_squared_norm(const T* rows, Index n_rows, Index columns, std::span<const T> shift) {
  const T norm = dispatch_norm(rows, n_rows, columns, shift.empty() ? nullptr : shift.data());
  return norm < 0 ? -std::numeric_limits<double>::infinity() : squared_norm_bound(norm, columns);
}

template <class T>
void raise_to_columns(const T* rows, Index n_rows, Index columns, std::span<double> highest,
                      std::span<double> highest_negated) {
  constexpr Index shortest = 64, strip = 16;  // as in the tiles
  const auto raise = [&](Index c, T above, T below) {
    const auto at = static_cast<std::size_t>(c);
    highest[at] = std::max(highest[at], static_cast<double>(above));
    highest_negated[at] = std::max(highest_negated[at], -static_cast<double>(below));
  };
  if (n_rows >= shortest)
    for (Index first = 0; first < columns; first += strip) {
      T above[strip], below[strip];
      const Index width = std::min(strip, columns - first);
      dispatch_extremes(rows + first, n_rows, width, columns, above, below);
      for (Index c = 0; c < width; ++c) raise(first + c, above[c], below[c]);
    }
  else
    for (Index i = 0; i < n_rows; ++i)
      for (Index c = 0; c < columns; ++c) raise(c, rows[i * columns + c], rows[i * columns + c]);
}

template <class T>
LowEntries low_entries(const T* x, Index n) {
  T smallest = std::numeric_limits<T>::infinity();
  const Index not_positive = dispatch_smallest(x, n, &smallest);
  return {static_cast<double>(smallest), not_positive};
}

template double squared_norm_bound(float, Index);
template double squared_norm_bound(double, Index);
template LowEntries low_entries(const float*, Index);
template LowEntries low_entries(const double*, Index);
template double largest_squared_norm(const float*, Index, Index, std::span<const float>);
template double largest_squared_norm(const double*, Index, Index, std::span<const double>);
template void raise_to_columns(const float*, Index, Index, std::span<double>, std::span<double>);
template void raise_to_columns(const double*, Index, Index, std::span<double>, std::span<double>);

}  // namespace breakeven
#endif  // HWY_ONCE
