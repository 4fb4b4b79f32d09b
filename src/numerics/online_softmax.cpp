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
      weights_(as_size(kernel_->block_keys * kernel_->panel_width)) {}

template <class T>
Index SoftmaxWorkspace<T>::bytes(const SoftmaxShape& shape, Index max_keys) {
  const SoftmaxKernel<T>& kernel = softmax_kernel<T>();
  const Index packed = packed_keys(kernel, shape, max_keys) * (shape.d + kernel.value_columns(shape));
  return (packed + kernel.block_keys * kernel.panel_width) * static_cast<Index>(sizeof(T));
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

template <class T>
void OnlineSoftmax<T>::start(const QueryBlock<T>& block) {
  if (block.rows > static_cast<Index>(sums_.size()))
    throw Failure("a block of queries must have at most " + std::to_string(sums_.size()) + " rows, got " +
                  std::to_string(block.rows));
  rows_ = block.rows;
  first_global_ = block.first_global;
  std::ranges::fill(outputs_, T(0));
  std::ranges::fill(sums_, T(0));
  std::ranges::fill(maxima_, no_maximum<T>);
  const Index width = kernel_->panel_width;
  for (Index first = 0; first < rows_; first += width)
    kernel_->load_queries(shape_, block.queries + first * shape_.d, std::min(width, rows_ - first),
                          queries_.data() + first * shape_.d);
}

template <class T>
void OnlineSoftmax<T>::absorb(const KeyBlock<T>& block, SoftmaxWorkspace<T>& workspace,
                              const std::function<void()>& between_tiles) {
  const Index width = kernel_->panel_width, value_columns = kernel_->value_columns(shape_);
  if (workspace.kernel_ != kernel_ || workspace.keys_.size() != as_size(workspace.packed_keys_ * shape_.d) ||
      workspace.values_.size() != as_size(workspace.packed_keys_ * value_columns))
    throw Failure("the workspace was made for another shape or another instruction set than the queries");
  const Index last_query = first_global_ + rows_ - 1;
  const Index visible = shape_.causal ? std::min(block.rows, last_query + 1 - block.first_global) : block.rows;
  const Index tiles = n_panels() * (rounded_up(std::max<Index>(visible, 0), kernel_->tile_rows) / kernel_->tile_rows);
  workspace.fetched_.pace(shape_.causal ? tiles / 2 : tiles);
  double flops = 0;
  for (Index first = 0; first < visible; first += workspace.packed_keys_) {
    const KeyBlock<T> stretch{block.keys + first * shape_.d, block.values + first * shape_.d_value,
                              std::min(workspace.packed_keys_, visible - first), block.first_global + first};
    const PackedKeys<T> packed{workspace.keys_.data(), workspace.values_.data(), stretch.rows, stretch.first_global};
    kernel_->pack(shape_, stretch, packed);
    for (Index p = 0; p < n_panels(); ++p) {
      const Index first_query = first_global_ + p * width;
      const QueryPanel<T> panel{queries_.data() + p * width * shape_.d,
                                outputs_.data() + p * width * value_columns,
                                sums_.data() + p * width,
                                maxima_.data() + p * width,
                                first_query,
                                std::min(first_query + width - 1, last_query)};
      if (shape_.causal && panel.last_global < packed.first_global) continue;
      kernel_->absorb(shape_, packed, panel, workspace.weights_.data(), workspace.fetched_);
      flops += 2.0 * static_cast<double>(width * packed.rows * (shape_.d + shape_.d_value));
      if (flops < flops_between_calls) continue;
      flops = 0;
      if (between_tiles) between_tiles();
    }
  }
}

template <class T>
void OnlineSoftmax<T>::finish(T* outputs) const {
  const Index width = kernel_->panel_width, value_columns = kernel_->value_columns(shape_);
  for (Index first = 0; first < rows_; first += width)
    kernel_->store_outputs(shape_, outputs_.data() + first * value_columns, sums_.data() + first,
                           std::min(width, rows_ - first), outputs + first * shape_.d_value);
}

template class SoftmaxWorkspace<float>;
template class SoftmaxWorkspace<double>;
template class OnlineSoftmax<float>;
template class OnlineSoftmax<double>;

}  // namespace breakeven
