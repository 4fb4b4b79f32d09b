#include "numerics/online_softmax.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "numerics/online_softmax_kernel.hpp"

namespace breakeven {
namespace {

// A packed stretch of keys and values takes a quarter of a common second-level cache: all panels pass over it while it
// is there, and their own traffic is shared by as many keys as possible.
constexpr Index packed_bytes = 256 * 1024;
// Keys that need not be packed: all panels find them in that cache, and are too few for packing to pay. Where they lie
// they are read 2 % slower, and packing takes as long as two thirds of a panel's pass over them.
constexpr Index most_in_place_bytes = 512 * 1024;
constexpr Index most_in_place_panels = 32;
// About 50 microseconds at the peak of a fast core.
constexpr double flops_between_calls = 8e6;

Index rounded_up(Index n, Index multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

template <class T>
Index packed_keys(const SoftmaxKernel<T>& kernel, const SoftmaxShape& shape, Index max_keys) {
  const Index row_bytes = (shape.d + kernel.value_columns(shape)) * static_cast<Index>(sizeof(T));
  const Index cached = std::max<Index>(1, packed_bytes / row_bytes / kernel.block_keys) * kernel.block_keys;
  return std::min(cached, rounded_up(std::max<Index>(max_keys, 1), kernel.block_keys));
}

/// Most keys that are read where they lie; none where `max_keys` are too many.
template <class T>
Index in_place_keys(const SoftmaxShape& shape, Index max_keys) {
  const Index row_bytes = (shape.d + shape.d_value) * static_cast<Index>(sizeof(T));
  return max_keys * row_bytes <= most_in_place_bytes ? max_keys : 0;
}

/// Elements of KeysInPlace::last_values.
template <class T>
Index last_values_size(const SoftmaxKernel<T>& kernel, const SoftmaxShape& shape, Index max_keys) {
  return shape.d_value % kernel.tile_rows == 0 ? 0 : kernel.tile_rows * in_place_keys<T>(shape, max_keys);
}

std::size_t as_size(Index n) {
  return static_cast<std::size_t>(n);
}

}  // namespace

template <class T>
SoftmaxWorkspace<T>::SoftmaxWorkspace(const SoftmaxShape& shape, Index max_keys)
    : kernel_(&softmax_kernel<T>()),
      packed_keys_(packed_keys(*kernel_, shape, max_keys)),
      keys_(as_size(packed_keys_ * shape.d)),
      values_(as_size(packed_keys_ * kernel_->value_columns(shape))),
      in_place_keys_(in_place_keys<T>(shape, max_keys)),
      last_keys_(as_size(kernel_->tile_rows * shape.d)),
      last_values_(as_size(last_values_size(*kernel_, shape, max_keys))),
      weights_(as_size(kernel_->block_keys * kernel_->panel_width)) {}

template <class T>
Index SoftmaxWorkspace<T>::bytes(const SoftmaxShape& shape, Index max_keys) {
  const SoftmaxKernel<T>& kernel = softmax_kernel<T>();
  const Index packed = packed_keys(kernel, shape, max_keys) * (shape.d + kernel.value_columns(shape));
  const Index edges = kernel.tile_rows * shape.d + last_values_size(kernel, shape, max_keys);
  return (packed + edges + kernel.block_keys * kernel.panel_width) * static_cast<Index>(sizeof(T));
}

template <class T>
OnlineSoftmax<T>::OnlineSoftmax(const SoftmaxShape& shape, Index n_queries)
    : shape_(shape), kernel_(&softmax_kernel<T>()) {
  const Index padded = rounded_up(n_queries, kernel_->panel_width);
  queries_.resize(as_size(padded * shape.d));
  outputs_.resize(as_size(padded * kernel_->value_columns(shape)));
  sums_.resize(as_size(padded));
  maxima_.resize(as_size(padded));
}

template <class T>
Index OnlineSoftmax<T>::bytes(const SoftmaxShape& shape, Index n_queries) {
  const SoftmaxKernel<T>& kernel = softmax_kernel<T>();
  const Index padded = rounded_up(n_queries, kernel.panel_width);
  return padded * (shape.d + kernel.value_columns(shape) + 2) * static_cast<Index>(sizeof(T));
}

template <class T>
Index OnlineSoftmax<T>::n_panels() const {
  return rounded_up(rows_, kernel_->panel_width) / kernel_->panel_width;
}

// The first panel is the one that is filled up: under a mask it sees the fewest keys.
template <class T>
Range OnlineSoftmax<T>::panel_rows(Index p) const {
  const Index width = kernel_->panel_width, end = rows_ - (n_panels() - 1 - p) * width;
  return {std::max<Index>(end - width, 0), end};
}

template <class T>
QueryPanel<T> OnlineSoftmax<T>::panel(Index p, Index place) {
  const Index width = kernel_->panel_width;
  const Range rows = panel_rows(p);
  return {queries_.data() + place * width * shape_.d,
          outputs_.data() + place * width * kernel_->value_columns(shape_),
          sums_.data() + place * width,
          maxima_.data() + place * width,
          first_global_ + rows.begin,
          first_global_ + rows.end - 1};
}

template <class T>
void OnlineSoftmax<T>::load(const QueryBlock<T>& block, Index p, Index place) {
  const Index width = kernel_->panel_width;
  const Range rows = panel_rows(p);
  std::fill_n(sums_.data() + place * width, width, T(0));
  std::fill_n(maxima_.data() + place * width, width, no_maximum<T>);
  kernel_->load_queries(shape_, block.queries + rows.begin * shape_.d, rows.size(),
                        queries_.data() + place * width * shape_.d);
}

template <class T>
void OnlineSoftmax<T>::store(T* outputs, Index p, Index place) const {
  const Index width = kernel_->panel_width;
  const Range rows = panel_rows(p);
  T* const to = outputs + rows.begin * shape_.d_value;
  const T* const sums = sums_.data() + place * width;
  if (std::all_of(sums, sums + width, [](T sum) { return sum == T(0); }))  // the panel holds another block's outputs
    std::fill_n(to, rows.size() * shape_.d_value, T(0));
  else
    kernel_->store_outputs(shape_, outputs_.data() + place * width * kernel_->value_columns(shape_), sums, rows.size(),
                           to);
}

template <class T>
void OnlineSoftmax<T>::take(const QueryBlock<T>& block) {
  if (block.rows > static_cast<Index>(sums_.size()))
    throw Failure("a block of queries must have at most " + std::to_string(sums_.size()) + " rows, got " +
                  std::to_string(block.rows));
  rows_ = block.rows;
  first_global_ = block.first_global;
}

template <class T>
Index OnlineSoftmax<T>::visible_keys(const KeyBlock<T>& block) const {
  return shape_.causal ? std::clamp<Index>(first_global_ + rows_ - block.first_global, 0, block.rows) : block.rows;
}

template <class T>
void OnlineSoftmax<T>::check(const SoftmaxWorkspace<T>& workspace) const {
  if (workspace.kernel_ != kernel_ || workspace.keys_.size() != as_size(workspace.packed_keys_ * shape_.d) ||
      workspace.values_.size() != as_size(workspace.packed_keys_ * kernel_->value_columns(shape_)) ||
      workspace.last_values_.size() != as_size(last_values_size(*kernel_, shape_, workspace.in_place_keys_)))
    throw Failure("the workspace was made for another shape or another instruction set than the queries");
}

template <class T>
void OnlineSoftmax<T>::start(const QueryBlock<T>& block) {
  take(block);
  for (Index p = 0; p < n_panels(); ++p) load(block, p, p);
}

template <class T>
void OnlineSoftmax<T>::absorb(const KeyBlock<T>& block, SoftmaxWorkspace<T>& workspace,
                              const std::function<void()>& between_tiles) {
  check(workspace);
  const Index visible = visible_keys(block);
  double flops = 0;
  for (Index first = 0; first < visible; first += workspace.packed_keys_) {
    const KeyBlock<T> stretch{block.keys + first * shape_.d, block.values + first * shape_.d_value,
                              std::min(workspace.packed_keys_, visible - first), block.first_global + first};
    const PackedKeys<T> packed{workspace.keys_.data(), workspace.values_.data(), stretch.rows, stretch.first_global};
    kernel_->pack(shape_, stretch, packed);
    for (Index p = 0; p < n_panels(); ++p) {
      const QueryPanel<T> queries = panel(p, p);
      if (shape_.causal && queries.last_global < packed.first_global) continue;
      kernel_->absorb_packed(shape_, packed, queries, workspace.weights_.data());
      flops += 2.0 * static_cast<double>(kernel_->panel_width * packed.rows * (shape_.d + shape_.d_value));
      if (flops < flops_between_calls) continue;
      flops = 0;
      if (between_tiles) between_tiles();
    }
  }
}

template <class T>
void OnlineSoftmax<T>::finish(T* outputs) const {
  for (Index p = 0; p < n_panels(); ++p) store(outputs, p, p);
}

template <class T>
void OnlineSoftmax<T>::attend(const QueryBlock<T>& queries, const KeyBlock<T>& keys, SoftmaxWorkspace<T>& workspace,
                              T* outputs) {
  const Index width = kernel_->panel_width;
  const Index seen_by = rounded_up(queries.rows, width) / width / (shape_.causal ? 2 : 1);  // panels, on average
  if (seen_by > most_in_place_panels || keys.rows > workspace.in_place_keys_) {
    start(queries);
    absorb(keys, workspace);
    return finish(outputs);
  }
  check(workspace);
  take(queries);
  kernel_->copy_edges(shape_, keys, workspace.last_keys_.data(), workspace.last_values_.data());
  const KeysInPlace<T> in_place{
      keys.keys, keys.values,       workspace.last_keys_.data(), workspace.last_values_.data(),
      keys.rows, keys.first_global, &workspace.fetched_};
  const Index tiles = n_panels() * (rounded_up(visible_keys(keys), kernel_->tile_rows) / kernel_->tile_rows);
  workspace.fetched_.pace(shape_.causal ? tiles / 2 : tiles);
  for (Index p = 0; p < n_panels(); ++p) {
    load(queries, p, 0);
    kernel_->absorb_in_place(shape_, in_place, panel(p, 0), workspace.weights_.data());
    store(outputs, p, 0);
  }
}

template class SoftmaxWorkspace<float>;
template class SoftmaxWorkspace<double>;
template class OnlineSoftmax<float>;
template class OnlineSoftmax<double>;

}  // namespace breakeven
