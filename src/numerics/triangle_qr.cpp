#include "numerics/triangle_qr.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "numerics/small_dense.hpp"

namespace breakeven {
namespace {

constexpr Index block_rows = 256;

template <class T>
Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> map(T* data, Index rows, Index columns) {
  return {data, rows, columns};
}

}  // namespace

template <class T>
TriangleQr<T>::TriangleQr(Index d, Index n_rhs)
    : d_(d),
      n_rhs_(n_rhs),
      work_(1, d + block_rows, d + n_rhs),
      packed_(static_cast<std::size_t>(packed_size(d, n_rhs))) {}

template <class T>
void TriangleQr<T>::start(T ridge) {
  std::fill(packed_.begin(), packed_.end(), T(0));
  std::size_t diagonal = 0;
  for (Index i = 0; i < d_; ++i) {
    packed_[diagonal] = std::sqrt(ridge);
    diagonal += static_cast<std::size_t>(d_ - i);
  }
}

template <class T>
void TriangleQr<T>::absorb(const T* a, const T* b, Index rows) {
  const auto squares = packed_.end() - n_rhs_;
  for (Index begin = 0; begin < rows; begin += block_rows) {
    const Index count = std::min(block_rows, rows - begin);
    auto work = map(work_.data(), d_ + count, d_ + n_rhs_);
    const std::span<const T> state(packed_);
    work.topLeftCorner(d_, d_) = map(r(state, d_).data(), d_, d_);
    work.topRightCorner(d_, n_rhs_) = map(rotated_rhs(state, d_, n_rhs_).data(), d_, n_rhs_);
    for (Index i = 0; i < count; ++i) {
      std::copy_n(a + (begin + i) * d_, d_, work_.data() + (d_ + i) * (d_ + n_rhs_));
      if (n_rhs_ > 0) std::copy_n(b + (begin + i) * n_rhs_, n_rhs_, work_.data() + (d_ + i) * (d_ + n_rhs_) + d_);
    }
    using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
    const Eigen::HouseholderQR<Matrix> decomposition(Matrix(work.leftCols(d_)));
    const Matrix right = decomposition.householderQ().transpose() * Matrix(work.rightCols(n_rhs_));
    std::size_t at = 0;
    for (Index i = 0; i < d_; ++i) {
      for (Index j = i; j < d_; ++j) packed_[at++] = decomposition.matrixQR()(i, j);
    }
    for (Index i = 0; i < d_; ++i)
      for (Index j = 0; j < n_rhs_; ++j) packed_[at++] = right(i, j);
    for (Index j = 0; j < n_rhs_; ++j) squares[j] += right.col(j).tail(count).squaredNorm();
  }
}

template <class T>
void TriangleQr<T>::absorb_packed(std::span<const T> other) {
  const Array<T> triangle = r(other, d_), right = rotated_rhs(other, d_, n_rhs_);
  absorb(triangle.data(), right.data(), d_);
  const std::span<const T> squares = residual_squares(other, d_, n_rhs_);
  for (std::size_t j = 0; j < squares.size(); ++j) packed_[packed_.size() - squares.size() + j] += squares[j];
}

template <class T>
std::span<const T> TriangleQr<T>::packed() {
  std::size_t diagonal = 0;
  for (Index i = 0; i < d_; ++i) {
    const auto length = static_cast<std::size_t>(d_ - i);
    if (packed_[diagonal] < 0) {
      for (std::size_t j = 0; j < length; ++j) packed_[diagonal + j] *= -1;
      for (Index j = 0; j < n_rhs_; ++j)
        packed_[static_cast<std::size_t>(breakeven::packed_size(d_) + i * n_rhs_ + j)] *= -1;
    }
    diagonal += length;
  }
  return packed_;
}

template <class T>
void TriangleQr<T>::assign(std::span<const T> packed) {
  std::copy(packed.begin(), packed.end(), packed_.begin());
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
  return ((d + block_rows) * (d + n_rhs) + packed_size(d, n_rhs)) * static_cast<Index>(sizeof(T));
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
