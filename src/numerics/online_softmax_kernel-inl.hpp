// The loops of OnlineSoftmax, compiled once per target. The guard toggles because Highway includes this file once per
// target.
#if defined(BREAKEVEN_ONLINE_SOFTMAX_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_ONLINE_SOFTMAX_KERNEL_INL
#undef BREAKEVEN_ONLINE_SOFTMAX_KERNEL_INL
#else
#define BREAKEVEN_ONLINE_SOFTMAX_KERNEL_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <numbers>
#include <utility>

#include "numerics/exp2-inl.hpp"
#include "numerics/lanes-inl.hpp"
#include "numerics/online_softmax_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Queries lie in vector lanes, keys are broadcast. Both products then have the same inner loop, and maximum, sum,
// rescaling and mask act on whole vectors: no shuffle and no sum across lanes anywhere.
//
//      panel (depth x width)          register tile (tile_rows x width)      scores: rows = keys,          depth = d
//     [ 3 vectors of queries ]   x    row r gets rows[p][r] * panel[p]       values: rows = value columns, depth = keys
//
// The tile fills the registers: 8 x 3 accumulators + 3 panel vectors + 1 broadcast = 28 of 32, or 4 x 3 + 4 = 16 of 16.
// Three vectors a row, not four: with four g++ 12 reads the panel from memory in every multiply-add.
template <class T>
struct SoftmaxLoops {
  using D = hn::ScalableTag<T>;
  using V = hn::VFromD<D>;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
  static constexpr int tile_rows = 8;
#else
  static constexpr int tile_rows = 4;
#endif
  static constexpr int row_vectors = 3;
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D{}));
  static constexpr Index width = row_vectors * lanes;
  static constexpr Index block_keys =
      sizeof(T) == 4 ? 128 : 64;  // weights of a block: 24 or 12 KiB, half of L1 or less
  static constexpr T weight_limit = sizeof(T) == 4 ? T(0x1p16) : T(0x1p64);  // of the weights of a tile, summed

  using Tile = V[tile_rows][row_vectors];

  // Rows of a tile: element p of row r is at begin[p * step + r * stride]. fetch(p) asks for what is needed later, once
  // for two elements: more requests would cost more than they save.

  /// `place`: bytes from the beginning of a cache line to what leads into the loop over these rows.
  template <int place>
  struct PackedRows {
    const T* begin;
    static constexpr Index step = tile_rows, stride = 1;
    static constexpr bool fetches = false;
    /// Where these loops lie in memory makes up to 3 % of their time on Intel's processors: docs/performance.md.
    static HWY_INLINE void place_code() {
#if HWY_ARCH_X86 && (HWY_COMPILER_GCC || HWY_COMPILER_CLANG)
      asm volatile(".p2align 6\n\t.skip %c0, 0x90" ::"i"(place));
#endif
    }
  };

  /// Keys where they lie: the next tile's into the first-level cache, a chunk of a FetchQueue into the second.
  struct KeysInRows {
    const T* begin;
    Index stride;
    const char* later;
    Index later_step;  ///< bytes for an element
    static constexpr Index step = 1;
    static constexpr bool fetches = true;
    static HWY_INLINE void place_code() {}
    HWY_INLINE void fetch(Index p) const {
      constexpr Index line = line_bytes / static_cast<Index>(sizeof(T));
      for (Index i = 0; i < 2 * tile_rows; i += line) hwy::Prefetch(begin + tile_rows * (stride + p) + i);
      fetch_into_second_level(later + p * later_step);
    }
  };

  /// Columns of values where they lie: what is used some keys later.
  struct ValuesInRows {
    const T* begin;
    Index step;
    static constexpr Index stride = 1;
    static constexpr bool fetches = true;
    static HWY_INLINE void place_code() {}
    HWY_INLINE void fetch(Index p) const {
      constexpr Index ahead = 12;
      hwy::Prefetch(begin + (p + ahead) * step);
      hwy::Prefetch(begin + (p + ahead + 1) * step);
    }
  };

  /// tile[r] += at[r * stride] * panel, in the vectors from `first` on.
  template <int first>
  static HWY_INLINE void add_product(const T* HWY_RESTRICT at, Index stride, const T* HWY_RESTRICT panel, Tile& tile) {
    const D d;
    V b[row_vectors];
#pragma GCC unroll 3
    for (int v = first; v < row_vectors; ++v) b[v] = hn::Load(d, panel + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r) {
      const V a = hn::Set(d, at[r * stride]);
#pragma GCC unroll 3
      for (int v = first; v < row_vectors; ++v) tile[r][v] = hn::MulAdd(a, b[v], tile[r][v]);
    }
  }

  /// tile[r] += sum over p < depth of element p of row r times panel[p], in the vectors from `first` on.
  template <int first = 0, class Rows>
  static HWY_INLINE void add_products(Index depth, const Rows& rows, const T* HWY_RESTRICT panel, Tile& tile) {
    const T* HWY_RESTRICT at = rows.begin;
    Index p = 0;
    if constexpr (Rows::fetches)
      for (; p + 2 <= depth; p += 2, panel += 2 * width, at += 2 * rows.step) {
        rows.fetch(p);
        add_product<first>(at, rows.stride, panel, tile);
        add_product<first>(at + rows.step, rows.stride, panel + width, tile);
      }
    if constexpr (first == 0) rows.place_code();
    for (; p < depth; ++p, panel += width, at += rows.step) add_product<first>(at, rows.stride, panel, tile);
  }

  static HWY_INLINE void fill(Tile& tile, const V (&start)[row_vectors]) {
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < row_vectors; ++v) tile[r][v] = start[v];
  }

  /// Which queries of a panel may not see which keys of a tile: query i may not see key r if i < first_allowed(r).
  struct Mask {
    Index causal_offset;  ///< global index of the tile's first key minus that of the panel's first query
    Index keys_left;      ///< keys of the tile that exist and are visible to some query
    T first_allowed(int r) const { return static_cast<T>(r < keys_left ? causal_offset + r : width); }
    bool empty() const { return keys_left >= tile_rows && causal_offset + tile_rows - 1 <= 0; }
    /// Vectors before this one have no query that sees any key of the tile.
    Index first_vector() const { return std::clamp<Index>(causal_offset / lanes, 0, row_vectors - 1); }
  };

  static HWY_INLINE auto hidden(const Mask& mask, int r, int v) {
    const D d;
    return hn::Lt(hn::Iota(d, static_cast<T>(v * lanes)), hn::Set(d, mask.first_allowed(r)));
  }

  /// What the weights of one key block are added to.
  struct Block {
    const QueryPanel<T>& panel;
    Index value_columns;
    T* weights;     ///< [key][width]
    T* block_sums;  ///< [width]
    bool first;     ///< no key was seen before: outputs hold nothing yet
  };

  /// Raises the panel's maxima to cover `tile_maxima` and scales down all that was summed with the old ones.
  static HWY_NOINLINE void raise_maxima(const Block& block, const T* tile_maxima, Index keys_done) {
    const D d;
    const auto scale_by = [d](V factor, T* at) { hn::Store(hn::Mul(factor, hn::Load(d, at)), d, at); };
    for (Index lane = 0; lane < width; lane += lanes) {
      const V old = hn::Load(d, block.panel.maxima + lane);
      const V raised = hn::Max(old, hn::Load(d, tile_maxima + lane));
      hn::Store(raised, d, block.panel.maxima + lane);
      if (hn::AllTrue(d, hn::Eq(old, hn::Set(d, no_maximum<T>)))) continue;  // nothing was summed
      const V factor = exp2(d, hn::Sub(old, raised));
      scale_by(factor, block.panel.sums + lane);
      scale_by(factor, block.block_sums + lane);
      for (Index c = 0; c < block.value_columns; ++c) scale_by(factor, block.panel.outputs + c * width + lane);
      for (Index j = 0; j < keys_done; ++j) scale_by(factor, block.weights + j * width + lane);
    }
  }

  /// The keys of one tile for the queries of a panel.
  template <class Rows>
  struct KeyTile {
    Rows keys;
    Index d;          ///< length of keys
    Index keys_done;  ///< keys of the block before this tile
    Mask mask;
  };

  /// Raises the panel's maxima to cover a tile of scores and starts them all from minus the maximum instead of zero.
  template <bool masked, class Rows>
  static HWY_INLINE void cover(const Block& block, const KeyTile<Rows>& keys, Tile& tile) {
    const D d;
    HWY_ALIGN T highest[width];
    for (int v = 0; v < row_vectors; ++v) {
      V maximum = hn::Set(d, no_maximum<T>);
      for (int r = 0; r < tile_rows; ++r) {
        V score = tile[r][v];
        if constexpr (masked) score = hn::IfThenElse(hidden(keys.mask, r, v), maximum, score);
        maximum = hn::Max(maximum, score);
      }
      hn::Store(maximum, d, highest + v * lanes);
    }
    raise_maxima(block, highest, keys.keys_done);
    V start[row_vectors];
    start_of_products(block, start);
    for (int v = 0; v < row_vectors; ++v)
      for (int r = 0; r < tile_rows; ++r) tile[r][v] = hn::Add(start[v], tile[r][v]);
  }

  /// Weights of one key tile, computed while its scores are still in registers, and their sums over the tile; of the
  /// vectors from `first` on.
  template <bool masked, int first, class Rows>
  static HWY_INLINE void weigh(const Block& block, const KeyTile<Rows>& keys, Tile& tile, V (&sums)[row_vectors]) {
    const D d;
    T* const weights = block.weights + keys.keys_done * width;
#pragma GCC unroll 3
    for (int v = first; v < row_vectors; ++v)
#pragma GCC unroll 8
      for (int r = 0; r < tile_rows; ++r) {
        V weight = exp2_weight(d, tile[r][v]);
        // Exactly 0, also where a query has seen nothing yet and its maximum is still the lowest number.
        if constexpr (masked) weight = hn::IfThenZeroElse(hidden(keys.mask, r, v), weight);
        sums[v] = r == 0 ? weight : hn::Add(sums[v], weight);
        hn::Store(weight, d, weights + r * width + v * lanes);
      }
  }

  /// The maximum is where the sum of products starts, so subtracting it takes no instruction.
  static HWY_INLINE void start_of_products(const Block& block, V (&start)[row_vectors]) {
    const D d;
    const V offset = hn::Set(d, static_cast<T>(exp2_weight_offset<T>));
#pragma GCC unroll 3
    for (int v = 0; v < row_vectors; ++v) start[v] = hn::Sub(offset, hn::Load(d, block.panel.maxima + v * lanes));
  }

  template <int first>
  static HWY_INLINE void add_sums(const Block& block, const V (&sums)[row_vectors]) {
    const D d;
#pragma GCC unroll 3
    for (int v = first; v < row_vectors; ++v)
      hn::Store(hn::Add(hn::Load(d, block.block_sums + v * lanes), sums[v]), d, block.block_sums + v * lanes);
  }

  /// One key tile that may exceed the maxima: they are raised before it is weighed. Rare.
  template <bool masked, class Rows>
  static HWY_NOINLINE void absorb_raising(const Block& block, const KeyTile<Rows>& keys) {
    const D d;
    const V zeros[row_vectors] = {hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    Tile tile;
    V sums[row_vectors];
    fill(tile, zeros);
    add_products(keys.d, keys.keys, block.panel.queries, tile);
    cover<masked>(block, keys, tile);
    weigh<masked, 0>(block, keys, tile, sums);
    add_sums<0>(block, sums);
  }

  /// One key tile: its weights into the block's. That a score exceeds the maximum by too much shows in the sum of the
  /// weights, so no maximum is taken where none is: then the tile is computed again.
  template <bool running, bool masked, int first = 0, class Rows>
  static HWY_INLINE void absorb_tile(const Block& block, const KeyTile<Rows>& keys) {
    const D d;
    const V offset = hn::Set(d, static_cast<T>(exp2_weight_offset<T>));
    V start[row_vectors] = {offset, offset, offset};
    if constexpr (running) start_of_products(block, start);
    Tile tile;
    V sums[row_vectors] = {hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    fill(tile, start);
    add_products<first>(keys.d, keys.keys, block.panel.queries, tile);
    weigh<masked, first>(block, keys, tile, sums);
    if constexpr (running) {
      const V limit = hn::Set(d, weight_limit);
      const auto exceeded = hn::Or(hn::Or(hn::Gt(sums[0], limit), hn::Gt(sums[1], limit)), hn::Gt(sums[2], limit));
      if (HWY_UNLIKELY(!hn::AllFalse(d, exceeded))) return absorb_raising<masked>(block, keys);
    }
    add_sums<first>(block, sums);
  }

  /// Near the diagonal of a causal mask, without the vectors of queries that see nothing.
  template <bool running, class Rows>
  static HWY_INLINE void absorb_masked_tile(const Block& block, const KeyTile<Rows>& keys) {
    switch (keys.mask.first_vector()) {
      case 0:
        return absorb_tile<running, true, 0>(block, keys);
      case 1:
        return absorb_tile<running, true, 1>(block, keys);
      default:
        return absorb_tile<running, true, 2>(block, keys);
    }
  }

  /// outputs += weights x values of one key block. Sums of a block start from zero, for the sake of accuracy: one
  /// running sum over all keys would lose a digit. Vector v of the queries sees the first ends[v] keys only; the others
  /// have no weights.
  template <class ValueTile>
  static HWY_INLINE void add_values(const Block& block, const ValueTile& value_tile, const Index (&ends)[row_vectors]) {
    const D d;
    const V zeros[row_vectors] = {hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for (Index column = 0; column < block.value_columns; column += tile_rows) {
      const auto values = value_tile(column);
      const auto from = [&](Index key) HWY_ATTR {
        auto later = values;
        later.begin += key * values.step;
        return later;
      };
      const auto weights = [&](Index key) { return block.weights + key * width; };
      Tile tile;
      fill(tile, zeros);
      add_products<0>(ends[0], from(0), weights(0), tile);
      add_products<1>(ends[1] - ends[0], from(ends[0]), weights(ends[0]), tile);
      add_products<2>(ends[2] - ends[1], from(ends[1]), weights(ends[1]), tile);
      T* const outputs = block.panel.outputs + column * width;
      if (!block.first)
#pragma GCC unroll 8
        for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 3
          for (int v = 0; v < row_vectors; ++v)
            tile[r][v] = hn::Add(hn::Load(d, outputs + r * width + v * lanes), tile[r][v]);
#pragma GCC unroll 8
      for (int r = 0; r < tile_rows; ++r)
#pragma GCC unroll 3
        for (int v = 0; v < row_vectors; ++v) hn::Store(tile[r][v], d, outputs + r * width + v * lanes);
    }
    for (Index lane = 0; lane < width; lane += lanes)
      hn::Store(hn::Add(hn::Load(d, block.panel.sums + lane), hn::Load(d, block.block_sums + lane)), d,
                block.panel.sums + lane);
  }

  /// Packed keys come with no queue: what they are read for takes far longer than any fetch.
  static HWY_INLINE PackedRows<0> key_tile(const PackedKeys<T>& keys, Index first, Index d) {
    return {keys.keys + first * d};
  }
  static HWY_INLINE KeysInRows key_tile(const KeysInPlace<T>& keys, Index first, Index d) {
    const bool whole = first + tile_rows <= keys.rows;
    const T* const begin = whole ? keys.keys + first * d : keys.last_keys;
    const FetchQueue::Stretch later = keys.later->take();
    if (later.bytes == 0) return {begin, d, reinterpret_cast<const char*>(begin), 0};
    return {begin, d, static_cast<const char*>(later.begin), (later.bytes + d - 1) / d};
  }

  /// Values of the keys from `first` on, a whole number of blocks, in the columns from `column` on.
  static HWY_INLINE PackedRows<32> value_tile(const PackedKeys<T>& keys, Index first, Index column, Index d_value) {
    return {keys.values + first * padded(d_value) + column * block_keys};
  }
  static HWY_INLINE ValuesInRows value_tile(const KeysInPlace<T>& keys, Index first, Index column, Index d_value) {
    if (column + tile_rows > d_value) return {keys.last_values + first * tile_rows, tile_rows};
    return {keys.values + first * d_value + column, d_value};
  }

  static HWY_INLINE bool saw_nothing(const QueryPanel<T>& panel) {
    const D d;
    V sum = hn::Load(d, panel.sums);
    for (int v = 1; v < row_vectors; ++v) sum = hn::Add(sum, hn::Load(d, panel.sums + v * lanes));
    return hn::AllTrue(d, hn::Eq(sum, hn::Zero(d)));
  }

  template <bool running, class Keys>
  static void absorb_as(const SoftmaxShape& shape, const Keys& all, const QueryPanel<T>& queries, T* weights) {
    HWY_ALIGN T block_sums[width];
    const Keys keys = all;  // copies, which no store can change
    const QueryPanel<T> panel = queries;
    const Index d = shape.d, d_value = shape.d_value;
    const bool causal = shape.causal;
    Block block{panel, padded(d_value), weights, block_sums, saw_nothing(panel)};
    const Index visible = causal ? std::min(keys.rows, panel.last_global + 1 - keys.first_global) : keys.rows;
    bool fresh = block.first;  // the first tile will raise the maxima
    for (Index begin = 0; begin < visible; begin += block_keys) {
      std::fill(block_sums, block_sums + width, T(0));
      const Index n_keys = std::min(block_keys, visible - begin);
      const Index causal_offset = causal ? keys.first_global + begin - panel.first_global : -block_keys;
      for (Index done = 0; done < n_keys; done += tile_rows) {
        const Index first = begin + done;
        const KeyTile<decltype(key_tile(keys, first, d))> tile{
            key_tile(keys, first, d), d, done, {causal_offset + done, visible - first}};
        if (running && std::exchange(fresh, false))
          absorb_raising<true>(block, tile);
        else if (tile.mask.empty())
          absorb_tile<running, false>(block, tile);
        else
          absorb_masked_tile<running>(block, tile);
      }
      Index ends[row_vectors];
      for (int v = 0; v < row_vectors; ++v) ends[v] = std::clamp<Index>((v + 1) * lanes - causal_offset, 0, n_keys);
      ends[row_vectors - 1] = n_keys;
      add_values(
          block, [&](Index column) HWY_ATTR { return value_tile(keys, begin, column, d_value); }, ends);
      block.first = false;
    }
  }

  template <class Keys>
  static void absorb(const SoftmaxShape& shape, const Keys& keys, const QueryPanel<T>& panel, T* weights) {
    if (shape.maximum == SoftmaxMaximum::running)
      absorb_as<true>(shape, keys, panel, weights);
    else
      absorb_as<false>(shape, keys, panel, weights);
  }

  static constexpr Index padded(Index n) {
    return (n + tile_rows - 1) / tile_rows * tile_rows;
  }

  static void pack_values(const SoftmaxShape& shape, const KeyBlock<T>& block, T* values) {
    const hn::CappedTag<T, tile_rows> part;
    constexpr int part_lanes = static_cast<int>(hn::MaxLanes(part));
    const Index value_columns = padded(shape.d_value);
    for (Index j = 0; j < padded(block.rows); ++j) {
      T* to = values + j / block_keys * block_keys * value_columns + j % block_keys * tile_rows;
      const T* const row = block.values + j * shape.d_value;
      fetch_rows(row + 16 * shape.d_value, 1, shape.d_value);
      for (Index column = 0; column < value_columns; column += tile_rows, to += block_keys * tile_rows) {
        const Index there = j < block.rows ? std::min<Index>(tile_rows, shape.d_value - column) : 0;
        if (there == tile_rows)
          for (int r = 0; r < tile_rows; r += part_lanes) hn::StoreU(hn::LoadU(part, row + column + r), part, to + r);
        else
          for (int r = 0; r < tile_rows; ++r) to[r] = r < there ? row[column + r] : T(0);
      }
    }
  }

  static constexpr const T* no_shift = nullptr;

  /// Asks for rows in the order in which they lie; a transposition takes them in one that no prefetcher follows.
  static HWY_INLINE void fetch_rows(const T* begin, Index rows, Index columns) {
    for (Index i = 0; i < rows * columns; i += line_bytes / static_cast<Index>(sizeof(T))) hwy::Prefetch(begin + i);
  }

  static void pack(const SoftmaxShape& shape, const KeyBlock<T>& block, const PackedKeys<T>& packed) {
    for (Index j = 0; j < block.rows; j += tile_rows) {
      T* const to = packed.keys + j * shape.d;
      const Index there = std::min<Index>(tile_rows, block.rows - j);
      fetch_rows(block.keys + (j + 2 * tile_rows) * shape.d, tile_rows, shape.d);
      if (there < tile_rows) std::fill(to, to + tile_rows * shape.d, T(0));
      transpose(block.keys + j * shape.d, there, shape.d, shape.d, no_shift, to, tile_rows);
    }
    pack_values(shape, block, packed.values);
  }

  static void copy_edges(const SoftmaxShape& shape, const KeyBlock<T>& block, T* last_keys, T* last_values) {
    const Index keys_left = block.rows % tile_rows, columns_left = shape.d_value % tile_rows;
    const T* const from = block.keys + (block.rows - keys_left) * shape.d;
    std::fill(std::copy(from, from + keys_left * shape.d, last_keys), last_keys + tile_rows * shape.d, T(0));
    if (columns_left == 0) return;
    for (Index j = 0; j < block.rows; ++j, last_values += tile_rows) {
      const T* const row_end = block.values + (j + 1) * shape.d_value;
      std::fill(std::copy(row_end - columns_left, row_end, last_values), last_values + tile_rows, T(0));
    }
  }

  static void load_queries(const SoftmaxShape& shape, const T* queries, Index rows, T* panel) {
    const D d;
    fetch_rows(queries + width * shape.d, width, shape.d);  // those of the next panel
    if (rows < width) std::fill(panel, panel + shape.d * width, T(0));
    transpose(queries, rows, shape.d, shape.d, no_shift, panel, width);
    const V factor = hn::Set(d, static_cast<T>(shape.scale * std::numbers::log2e));
    for (Index i = 0; i < shape.d * width; i += lanes) hn::Store(hn::Mul(factor, hn::Load(d, panel + i)), d, panel + i);
  }

  static void store_outputs(const SoftmaxShape& shape, const T* panel_outputs, const T* sums, Index rows, T* outputs) {
    const D d;
    V inverse[row_vectors];
    for (int v = 0; v < row_vectors; ++v) {
      const V sum = hn::Load(d, sums + v * lanes);
      inverse[v] = hn::IfThenElseZero(hn::Gt(sum, hn::Zero(d)), hn::Div(hn::Set(d, T(1)), sum));
    }
    constexpr Index columns =
        line_bytes /
        static_cast<Index>(sizeof(T));  // whole lines of the output, and few enough for the first-level cache
    HWY_ALIGN T divided[columns * width];
    for (Index begin = 0; begin < shape.d_value; begin += columns) {
      const Index there = std::min(columns, shape.d_value - begin);
      for (Index c = 0; c < there; ++c)
        for (int v = 0; v < row_vectors; ++v)
          hn::Store(hn::Mul(inverse[v], hn::Load(d, panel_outputs + (begin + c) * width + v * lanes)), d,
                    divided + c * width + v * lanes);
      transpose(divided, there, rows, width, no_shift, outputs + begin, shape.d_value);
    }
  }

  static constexpr SoftmaxKernel<T> kernel{width,         tile_rows, block_keys, &pack,         &copy_edges,
                                           &load_queries, &absorb,   &absorb,    &store_outputs};
};

const SoftmaxKernel<float>* softmax_kernel_f32() {
  return &SoftmaxLoops<float>::kernel;
}
const SoftmaxKernel<double>* softmax_kernel_f64() {
  return &SoftmaxLoops<double>::kernel;
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();
#endif
