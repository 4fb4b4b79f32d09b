#include "numerics/triangle_qr.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/small_dense.hpp"

namespace breakeven {
namespace {

constexpr Index round_up(Index n, Index multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// How a triangle and blocks of rows below it lie in memory.
template <class T>
struct Sizes {
  Index padded_d, columns, triangle_stride, block_rows, block_stride;

  Sizes(Index d, Index n_rhs) : padded_d(round_up(d, qr_panel)), columns(padded_d + n_rhs + qr_spare_columns) {
    constexpr Index line = qr_line<T>;
    // A panel and the columns it meets stay in the first-level cache, the block in the second. Reflectors of few rows
    // are dear, so beyond some number of columns the block may outgrow the cache.
    constexpr Index block_bytes = Index{3} << 18, fewest = 16 * line, most = 32 * line;
    block_rows = std::clamp(block_bytes / (columns * static_cast<Index>(sizeof(T))) / line * line, fewest, most);
    // Strides of a power of two would fall on the same sets of the first-level cache.
    block_stride = block_rows + line;
    triangle_stride = round_up(padded_d, line) + line;
  }
};

}  // namespace

template <class T>
TriangleQr<T>::TriangleQr(Index d, Index n_rhs)
    : d_(d),
      n_rhs_(n_rhs),
      kernel_(triangle_qr_kernel<T>()),
      triangle_(static_cast<std::size_t>(Sizes<T>(d, n_rhs).triangle_stride * Sizes<T>(d, n_rhs).columns)),
      block_(static_cast<std::size_t>(Sizes<T>(d, n_rhs).block_stride * Sizes<T>(d, n_rhs).columns)),
      packed_(static_cast<std::size_t>(packed_size(d, n_rhs))),
      block_rows_(Sizes<T>(d, n_rhs).block_rows) {}

template <class T>
StackedTriangle<T> TriangleQr<T>::stack(Index rows) {
  const Sizes<T> sizes(d_, n_rhs_);
  return {triangle_.data(),           sizes.triangle_stride, block_.data(), sizes.block_stride,
          round_up(rows, qr_line<T>), sizes.padded_d,        n_rhs_};
}

template <class T>
void TriangleQr<T>::start(T ridge) {
  std::fill(triangle_.begin(), triangle_.end(), T(0));
  std::fill(block_.begin(), block_.end(), T(0));
  std::fill(packed_.begin(), packed_.end(), T(0));
  const StackedTriangle<T> empty = stack(0);
  for (Index i = 0; i < d_; ++i) empty.triangle[i * empty.triangle_stride + i] = std::sqrt(ridge);
}

template <class T>
void TriangleQr<T>::absorb(const T* a, const T* b, Index rows) {
  for (Index begin = 0; begin < rows; begin += block_rows_) {
    const Index end = std::min(begin + block_rows_, rows), after = std::min(end + block_rows_, rows);
    const StackedTriangle<T> blocks = stack(end - begin);
    kernel_.transpose(a + begin * d_, end - begin, d_, blocks.block, blocks.block_stride);
    if (n_rhs_ > 0)
      kernel_.transpose(b + begin * n_rhs_, end - begin, n_rhs_, blocks.block + blocks.padded_d * blocks.block_stride,
                        blocks.block_stride);
    kernel_.eliminate(blocks, -1, a + end * d_, (after - end) * d_ / qr_line<T>);
    add_squares(blocks);
  }
}

template <class T>
void TriangleQr<T>::add_squares(const StackedTriangle<T>& stack) {
  for (Index j = 0; j < n_rhs_; ++j) {
    const T* const column = stack.block + (stack.padded_d + j) * stack.block_stride;
    T sum = 0;
    for (Index i = 0; i < stack.rows; ++i) sum += column[i] * column[i];
    packed_[packed_.size() - static_cast<std::size_t>(n_rhs_ - j)] += sum;
  }
}

template <class T>
void TriangleQr<T>::absorb_packed(std::span<const T> other) {
  const auto row_begin = [d = d_](Index i) { return i * d - i * (i - 1) / 2; };
  const T* const right = other.data() + breakeven::packed_size(d_);
  for (Index begin = 0; begin < d_; begin += block_rows_) {
    const Index count = std::min(block_rows_, d_ - begin);
    const StackedTriangle<T> blocks = stack(count);
    // The kernel takes the columns left of the block's first entry, which are zero, for absent.
    for (Index c = begin / qr_panel * qr_panel; c < d_; ++c) {
      T* const column = blocks.block + c * blocks.block_stride;
      const Index filled = std::clamp<Index>(c + 1 - begin, 0, count);
      for (Index i = 0; i < filled; ++i) column[i] = other[row_begin(begin + i) + c - begin - i];
      std::fill(column + filled, column + blocks.rows, T(0));
    }
    if (n_rhs_ > 0)
      kernel_.transpose(right + begin * n_rhs_, count, n_rhs_, blocks.block + blocks.padded_d * blocks.block_stride,
                        blocks.block_stride);
    kernel_.eliminate(blocks, begin, other.data(), 0);
    add_squares(blocks);
  }
  const std::span<const T> squares = residual_squares(other, d_, n_rhs_);
  for (std::size_t j = 0; j < squares.size(); ++j) packed_[packed_.size() - squares.size() + j] += squares[j];
}

template <class T>
std::span<const T> TriangleQr<T>::packed() {
  const StackedTriangle<T> s = stack(0);
  std::size_t at = 0, at_right = static_cast<std::size_t>(breakeven::packed_size(d_));
  for (Index i = 0; i < d_; ++i) {
    const T sign = s.triangle[i * s.triangle_stride + i] < 0 ? T(-1) : T(1);
    for (Index c = i; c < d_; ++c) packed_[at++] = sign * s.triangle[c * s.triangle_stride + i];
    for (Index j = 0; j < n_rhs_; ++j)
      packed_[at_right++] = sign * s.triangle[(s.padded_d + j) * s.triangle_stride + i];
  }
  return packed_;
}

template <class T>
void TriangleQr<T>::assign(std::span<const T> packed) {
  std::copy(packed.begin(), packed.end(), packed_.begin());
  const StackedTriangle<T> s = stack(0);
  std::size_t at = 0;
  for (Index i = 0; i < d_; ++i)
    for (Index c = i; c < d_; ++c) s.triangle[c * s.triangle_stride + i] = packed_[at++];
  for (Index i = 0; i < d_; ++i)
    for (Index j = 0; j < n_rhs_; ++j) s.triangle[(s.padded_d + j) * s.triangle_stride + i] = packed_[at++];
}

template <class T>
Index TriangleQr<T>::packed_size(Index d, Index n_rhs) {
  return breakeven::packed_size(d) + d * n_rhs + n_rhs;
}

template <class T>
double TriangleQr<T>::flops(Index rows, Index d, Index n_rhs) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(d) * static_cast<double>(d + 2 * n_rhs);
}

template <class T>
Index TriangleQr<T>::bytes(Index d, Index n_rhs) {
  const Sizes<T> sizes(d, n_rhs);
  return ((sizes.triangle_stride + sizes.block_stride) * sizes.columns + packed_size(d, n_rhs)) *
         static_cast<Index>(sizeof(T));
}

template <class T>
Array<T> TriangleQr<T>::r(std::span<const T> packed, Index d) {
  return unpack_upper(packed.first(static_cast<std::size_t>(breakeven::packed_size(d))), d);
}

template <class T>
Array<T> TriangleQr<T>::rotated_rhs(std::span<const T> packed, Index d, Index n_rhs) {
  Array<T> right(1, d, n_rhs);
  std::copy_n(packed.begin() + breakeven::packed_size(d), d * n_rhs, right.data());
  return right;
}

template <class T>
std::span<const T> TriangleQr<T>::residual_squares(std::span<const T> packed, Index, Index n_rhs) {
  return packed.last(static_cast<std::size_t>(n_rhs));
}

template class TriangleQr<float>;
template class TriangleQr<double>;

}  // namespace breakeven
