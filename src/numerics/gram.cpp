#include "numerics/gram.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "numerics/small_dense.hpp"

namespace breakeven {
namespace {

constexpr Index chunk_rows = 2048;

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

template <class T>
Gram<T>::Gram(Index d, Index n_rhs)
    : d_(d), n_rhs_(n_rhs), packed_(static_cast<std::size_t>(packed_size(d, n_rhs))), compensation_(packed_.size()) {}

template <class T>
void Gram<T>::start() {
  std::fill(packed_.begin(), packed_.end(), T(0));
  std::fill(compensation_.begin(), compensation_.end(), T(0));
}

template <class T>
void Gram<T>::absorb(const T* a, const T* b, Index rows, const T* weights) {
  const auto add = [&](std::size_t at, T term) {
    const T y = term - compensation_[at], sum = packed_[at] + y;
    compensation_[at] = (sum - packed_[at]) - y;
    packed_[at] = sum;
  };
  for (Index begin = 0; begin < rows; begin += chunk_rows) {
    const Index count = std::min(chunk_rows, rows - begin);
    const Eigen::Map<const Matrix<T>> block(a + begin * d_, count, d_);
    const Eigen::Map<const Matrix<T>> right(n_rhs_ > 0 ? b + begin * n_rhs_ : nullptr, n_rhs_ > 0 ? count : 0, n_rhs_);
    Matrix<T> weighted = block;
    if (weights)
      weighted = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>(weights + begin, count).asDiagonal() * block;
    const Matrix<T> gram = weighted.transpose() * block;
    std::size_t at = 0;
    for (Index i = 0; i < d_; ++i)
      for (Index j = i; j < d_; ++j) add(at++, gram(i, j));
    if (n_rhs_ == 0) continue;
    const Matrix<T> cross = weighted.transpose() * right;
    for (Index i = 0; i < d_; ++i)
      for (Index j = 0; j < n_rhs_; ++j) add(at++, cross(i, j));
    for (Index j = 0; j < n_rhs_; ++j) {
      T squares = 0;
      for (Index i = 0; i < count; ++i) squares += (weights ? weights[begin + i] : T(1)) * right(i, j) * right(i, j);
      add(at++, squares);
    }
  }
}

template <class T>
std::span<T> Gram<T>::packed() {
  return packed_;
}

template <class T>
Index Gram<T>::packed_size(Index d, Index n_rhs) {
  return breakeven::packed_size(d) + d * n_rhs + n_rhs;
}

template <class T>
double Gram<T>::flops(Index rows, Index d, Index n_rhs) {
  return static_cast<double>(rows) * static_cast<double>(d) * static_cast<double>(d + 1 + 2 * n_rhs);
}

template <class T>
Index Gram<T>::bytes(Index d, Index n_rhs) {
  return 2 * packed_size(d, n_rhs) * static_cast<Index>(sizeof(T));
}

template <class T>
Array<T> Gram<T>::matrix(std::span<const T> packed, Index d) {
  return unpack_symmetric(packed.first(static_cast<std::size_t>(breakeven::packed_size(d))), d);
}

template <class T>
Array<T> Gram<T>::rhs(std::span<const T> packed, Index d, Index n_rhs) {
  Array<T> right(1, d, n_rhs);
  std::copy_n(packed.begin() + breakeven::packed_size(d), d * n_rhs, right.data());
  return right;
}

template <class T>
std::span<const T> Gram<T>::rhs_squares(std::span<const T> packed, Index, Index n_rhs) {
  return packed.last(static_cast<std::size_t>(n_rhs));
}

template class Gram<float>;
template class Gram<double>;

}  // namespace breakeven
