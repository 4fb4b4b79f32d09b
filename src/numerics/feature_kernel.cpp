#include "numerics/feature_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.hpp"
#include "numerics/row_extent.hpp"

namespace breakeven {
namespace {

constexpr Index round_up(Index n, Index multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

Index count_features(Index d, Index degree) {
  return MonomialBasis(d, degree).size();
}

/// Degree 0 and 1 are rows that every tile holds.
bool by_families(Index degree) {
  return degree >= 2;
}

/// Of the side of the queries: the end of a run costs about as much as a dozen products.
constexpr Index shortest_run = 16;

/// Of the product of two rows in a tile whose rows are `stride` apart.
template <class T>
RowOffsets row_offsets(Index parent, Index factor, Index stride) {
  const Index row_bytes = stride * static_cast<Index>(sizeof(T));
  return {parent * row_bytes, factor * row_bytes};
}

/// Of tokens that come tile after tile.
template <class T>
struct LargestNorm {
  T squared = 0;
  void raise(T of_tile) { squared = std::max(squared, of_tile); }
  double bound(Index rows, Index d) const {
    return rows == 0 ? -std::numeric_limits<double>::infinity() : squared_norm_bound(squared, d);
  }
};

}  // namespace

/// Entries of everything a kernel allocates.
template <class T>
struct FeatureKernel<T>::Sizes {
  Index features, made_keys, columns, stored, stored_keys, block;
  Index key_tile, value_tile, query_tile, sums;
  Index block_keys = 0, block_values = 0, scores = 0, weighted_state = 0, polynomial = 0;

  Sizes(Index d, Index degree, Index d_value, bool with_causal) {
    constexpr Index panel = panel_tokens<T>;
    features = count_features(d, degree);
    columns = d_value + 1;
    const auto stored_below = [d](Index top) { return std::max(1 + d, top <= 0 ? 1 : count_features(d, top - 1)); };
    stored = stored_below(degree);
    stored_keys = stored_below(degree - 1);
    made_keys = by_families(degree) ? count_features(d, degree - 1) : features;
    block = causal_block(d, degree);
    key_tile = (stored_keys + family_rows) * tile_stride<T>;
    value_tile = round_up(d_value, most_strip_columns) * tile_tokens<T>;
    query_tile = stored * panel;
    sums = columns * panel;
    if (!with_causal) return;
    block_keys = block * d;
    block_values = block * columns;
    scores = block * panel;
    weighted_state = features * columns;
    polynomial = degree + 1;
  }

  Index bytes() const {
    return static_cast<Index>(sizeof(T)) * (key_tile + value_tile + query_tile + sums + block_keys + block_values +
                                            scores + weighted_state + polynomial) +
           static_cast<Index>(sizeof(RowOffsets) + sizeof(double)) * features +
           static_cast<Index>(sizeof(RowOffsets)) * made_keys;
  }
};

template <class T>
FeatureKernel<T>::FeatureKernel(Index d, Index degree, Index d_value, bool with_causal)
    : FeatureKernel(MonomialBasis(d, degree), d_value, Sizes(d, degree, d_value, with_causal)) {}

template <class T>
FeatureKernel<T>::FeatureKernel(MonomialBasis basis, Index d_value, const Sizes& sizes)
    : basis_(std::move(basis)),
      columns_(d_value + 1),
      stored_(sizes.stored),
      stored_keys_(sizes.stored_keys),
      block_(sizes.block),
      tiles_(feature_tiles<T>()),
      panel_rows_(static_cast<std::size_t>(sizes.features)),
      key_rows_(static_cast<std::size_t>(sizes.made_keys)),
      totals_(static_cast<std::size_t>(sizes.features)),
      key_tile_(static_cast<std::size_t>(sizes.key_tile)),
      value_tile_(static_cast<std::size_t>(sizes.value_tile)),
      query_tile_(static_cast<std::size_t>(sizes.query_tile)),
      sums_(static_cast<std::size_t>(sizes.sums)),
      block_keys_(static_cast<std::size_t>(sizes.block_keys)),
      block_values_(static_cast<std::size_t>(sizes.block_values)),
      scores_(static_cast<std::size_t>(sizes.scores)),
      weighted_state_(static_cast<std::size_t>(sizes.weighted_state)),
      polynomial_(static_cast<std::size_t>(sizes.polynomial)) {
  for (const MonomialBasis::Block& block : basis_.blocks()) {
    if (by_families(basis_.degree()) && block.degree == basis_.degree())
      children_.push_back({block.first, block.count});
    for (Index r = 0; r < block.count; ++r) {
      const Index parent = block.first_parent + r, factor = 1 + block.variable;
      const auto feature = static_cast<std::size_t>(block.first + r);
      panel_rows_[feature] = row_offsets<T>(parent, factor, panel_tokens<T>);
      if (feature < key_rows_.size()) key_rows_[feature] = row_offsets<T>(parent, factor, tile_stride<T>);
    }
  }
  first_run_ = std::find_if(children_.begin(), children_.end(),
                            [](const FeatureRun& run) { return run.count >= shortest_run; }) -
               children_.begin();
  std::fill_n(query_tile_.begin(), panel_tokens<T>, T(1));
}

template <class T>
Index FeatureKernel<T>::below_parents() const {
  return children_.empty() ? features() : basis_.first_of_degree(basis_.degree() - 1);
}
template <class T>
Index FeatureKernel<T>::below_children() const {
  return children_.empty() ? features() : basis_.first_of_degree(basis_.degree());
}

template <class T>
T FeatureKernel<T>::fill_tile(const T* tokens, Index rows, const T* shift, T* tile, Index stride, Index capacity) {
  const Index d = basis_.d();
  tiles_.transpose(tokens, rows, d, d, shift, tile + stride, stride);
  for (Index v = 0; v < d; ++v) std::fill(tile + (1 + v) * stride + rows, tile + (1 + v) * stride + capacity, T(0));
  return tiles_.largest_squared_norm(tile + stride, d, capacity, stride);
}

template <class T>
double FeatureKernel<T>::accumulate(const T* keys, const T* values, Index rows, std::span<double> state,
                                    std::span<const T> shift, const std::function<void(Range)>& look) {
  const Index d = basis_.d(), d_value = columns_ - 1;
  const Index stored = below_parents();
  const FeatureFamilies families{key_rows_.data(), std::min(1 + d, stored),
                                 stored,           below_children() - stored,
                                 children_.data(), static_cast<Index>(children_.size())};
  std::fill(totals_.begin(), totals_.end(), 0.0);
  LargestNorm<T> norm;
  for (Index first = 0; first < rows; first += tile_tokens<T>) {
    const Index n = std::min(tile_tokens<T>, rows - first), padded = round_up(n, line_tokens<T>);
    if (look) look({first, first + n});
    std::fill_n(key_tile_.begin(), n, T(1));  // not for what fills a line up: it would be counted
    std::fill(key_tile_.begin() + n, key_tile_.begin() + padded, T(0));
    norm.raise(fill_tile(keys + first * d, n, shift.empty() ? nullptr : shift.data(), key_tile_.data(), tile_stride<T>,
                         padded));
    tiles_.pack_values(values + first * d_value, n, padded, d_value, value_tile_.data());
    tiles_.accumulate(key_tile_.data(), padded, families, key_tile_.data() + stored_keys_ * tile_stride<T>,
                      value_tile_.data(), columns_, state.data(), totals_.data());
  }
  for (Index a = 0; a < features(); ++a) state[a * columns_ + d_value] += totals_[a];
  return norm.bound(rows, d);
}

template <class T>
void FeatureKernel<T>::apply_panel(const T* weighted_state) {
  const auto variables = static_cast<Index>(children_.size());
  const Index products = first_run_ == variables ? features() : children_[static_cast<std::size_t>(first_run_)].first;
  const FeatureRuns runs{children_.data(), first_run_, variables, below_parents()};
  const Index given = std::min(1 + basis_.d(), products);
  const PanelRows rows{panel_rows_.data(), given, std::clamp(stored_, given, products), products};
  tiles_.apply(query_tile_.data(), rows, runs, weighted_state, columns_, sums_.data());
}

template <class T>
double FeatureKernel<T>::apply(const T* queries, Index rows, std::span<const T> weighted_state, T* outputs,
                               T* denominators) {
  constexpr Index panel = panel_tokens<T>;
  LargestNorm<T> norm;
  for (Index first = 0; first < rows; first += panel) {
    const Index n = std::min(panel, rows - first);
    norm.raise(fill_tile(queries + first * basis_.d(), n, nullptr, query_tile_.data(), panel, panel));
    apply_panel(weighted_state.data());
    tiles_.normalise(sums_.data(), columns_, n, outputs + first * (columns_ - 1), denominators + first);
  }
  return norm.bound(rows, basis_.d());
}

/// The part of rows [first, first + rows) of a block that comes from the block itself, added to the panel's sums:
///
///   keys 0 .. first          all seen by the whole panel
///   keys first .. first+rows seen by tokens on and right of the diagonal; the rest of the scores is set to zero
template <class T>
void FeatureKernel<T>::add_own_block(Index first, Index rows) {
  constexpr Index panel = panel_tokens<T>;
  const Index n_keys = first + rows;
  tiles_.score(query_tile_.data(), block_keys_.data(), n_keys, basis_.d(), polynomial_.data(), basis_.degree() + 1,
               scores_.data());
  for (Index j = 1; j < rows; ++j) std::fill_n(scores_.data() + (first + j) * panel, j, T(0));
  tiles_.add_values(scores_.data(), n_keys, block_values_.data(), columns_, sums_.data());
}

template <class T>
double FeatureKernel<T>::causal(const T* queries, const T* keys, const T* values, Index rows,
                                std::span<double> running_state, std::span<const double> weights,
                                std::span<const double> c, double scale, T* outputs, T* denominators,
                                std::span<const T> shift) {
  constexpr Index panel = panel_tokens<T>;
  const Index d = basis_.d(), d_value = columns_ - 1;
  if (polynomial_.empty()) throw Failure("this FeatureKernel was made without causal()");
  for (std::size_t g = 0; g < polynomial_.size(); ++g)
    polynomial_[g] = static_cast<T>(c[g] * std::pow(scale, static_cast<double>(g)));
  LargestNorm<T> norm;
  for (Index begin = 0; begin < rows; begin += block_) {
    const Index block_rows = std::min(block_, rows - begin);
    tiles_.weigh(running_state.data(), weights.data(), features(), columns_, weighted_state_.data());
    copy_block(keys + begin * d, values + begin * d_value, block_rows, shift);
    for (Index first = 0; first < block_rows; first += panel) {
      const Index n = std::min(panel, block_rows - first);
      norm.raise(fill_tile(queries + (begin + first) * d, n, nullptr, query_tile_.data(), panel, panel));
      apply_panel(weighted_state_.data());
      add_own_block(first, n);
      tiles_.normalise(sums_.data(), columns_, n, outputs + (begin + first) * d_value, denominators + begin + first);
    }
    accumulate(keys + begin * d, values + begin * d_value, block_rows, running_state, shift);
  }
  return norm.bound(rows, d);
}

/// Keys less shift, and [value, 1], row-major. Scores are taken eight keys at a time; those past the last are never
/// read.
template <class T>
void FeatureKernel<T>::copy_block(const T* keys, const T* values, Index rows, std::span<const T> shift) {
  const Index d = basis_.d(), d_value = columns_ - 1;
  std::copy_n(keys, rows * d, block_keys_.begin());
  if (!shift.empty())
    for (Index i = 0; i < rows; ++i)
      for (Index v = 0; v < d; ++v)
        block_keys_[static_cast<std::size_t>(i * d + v)] -= shift[static_cast<std::size_t>(v)];
  for (Index i = 0; i < rows; ++i) {
    T* row = block_values_.data() + i * columns_;
    std::copy_n(values + i * d_value, d_value, row);
    row[d_value] = T(1);
  }
}

template <class T>
Index FeatureKernel<T>::bytes(Index d, Index degree, Index d_value, bool with_causal) {
  return Sizes(d, degree, d_value, with_causal).bytes();
}

template <class T>
Index FeatureKernel<T>::causal_block(Index d, Index degree) {
  // A pair inside the block costs about as much as two features of a token, and a row has half a block of pairs: beyond
  // t rows they would dominate. From 192 rows on longer blocks were seen to save nothing.
  constexpr Index shortest = panel_tokens<float>, longest = 4 * panel_tokens<float>;
  return std::clamp(round_up(std::min(count_features(d, degree), longest), shortest), shortest, longest);
}

template <class T>
double FeatureKernel<T>::accumulate_flops(Index d, Index degree, Index d_value, Index rows) {
  return static_cast<double>(count_features(d, degree)) * (2.0 * static_cast<double>(d_value + 1) + 1.0) *
         static_cast<double>(rows);
}

template <class T>
double FeatureKernel<T>::apply_flops(Index d, Index degree, Index d_value, Index rows) {
  return accumulate_flops(d, degree, d_value, rows);
}

template <class T>
double FeatureKernel<T>::causal_flops(Index d, Index degree, Index d_value, Index rows) {
  const auto pairs = [](Index block_rows) {
    return static_cast<double>(block_rows) * static_cast<double>(block_rows + 1) / 2;
  };
  const Index block = causal_block(d, degree);
  const double all_pairs = static_cast<double>(rows / block) * pairs(block) + pairs(rows % block);
  return accumulate_flops(d, degree, d_value, rows) + apply_flops(d, degree, d_value, rows) +
         all_pairs * 2.0 * static_cast<double>(d + degree + d_value + 1);
}

template class FeatureKernel<float>;
template class FeatureKernel<double>;

}  // namespace breakeven
