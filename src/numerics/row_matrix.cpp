#include "numerics/row_matrix.hpp"

#include <cblas.h>

#include <Eigen/SparseCore>
#include <algorithm>

#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven {
namespace {

// Sums over this many rows are taken in T, sums of such sums in float64; a block of rows stays in cache.
constexpr Index block_rows = 2048;

template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
template <class T>
using SparseMap = Eigen::Map<const Eigen::SparseMatrix<T, Eigen::RowMajor, Index>>;

int as_int(Index n) {
  return static_cast<int>(n);
}

void gemv(CBLAS_TRANSPOSE transpose, Index rows, Index columns, const double* a, const double* x, double* y) {
  cblas_dgemv(CblasRowMajor, transpose, as_int(rows), as_int(columns), 1, a, as_int(columns), x, 1, 0, y, 1);
}
void gemv(CBLAS_TRANSPOSE transpose, Index rows, Index columns, const float* a, const float* x, float* y) {
  cblas_sgemv(CblasRowMajor, transpose, as_int(rows), as_int(columns), 1, a, as_int(columns), x, 1, 0, y, 1);
}
void axpy(Index n, double factor, const double* x, double* y) {
  cblas_daxpy(as_int(n), factor, x, 1, y, 1);
}
void axpy(Index n, float factor, const float* x, float* y) {
  cblas_saxpy(as_int(n), factor, x, 1, y, 1);
}

template <class Body>
void for_blocks(Index rows, const Body& body) {
  for (Index begin = 0; begin < rows; begin += block_rows) body(Range{begin, std::min(begin + block_rows, rows)});
}

template <class T>
void add(const AlignedVector<T>& part, double* sum) {
  for (std::size_t i = 0; i < part.size(); ++i) sum[i] += static_cast<double>(part[i]);
}

}  // namespace

template <class T>
void RowMatrix<T>::reserve(Index n_rows) {
  if (sparse_)
    row_begin_.reserve(static_cast<std::size_t>(n_rows + 1));
  else
    values_.reserve(static_cast<std::size_t>(n_rows * columns_));
}

template <class T>
void RowMatrix<T>::append(std::span<const T> rows) {
  rows_ += columns_ == 0 ? 0 : static_cast<Index>(rows.size()) / columns_;
  if (!sparse_) {
    values_.insert(values_.end(), rows.begin(), rows.end());
    return;
  }
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const Index column = static_cast<Index>(at) % columns_;
    if (rows[at] != T(0)) values_.push_back(rows[at]), column_.push_back(column);  // NaN is kept: it must be found
    if (column + 1 == columns_) row_begin_.push_back(entries());
  }
}

template <class T>
Index RowMatrix<T>::bytes() const {
  const Index indices = sparse_ ? static_cast<Index>(column_.size() + row_begin_.size()) : 0;
  return entries() * static_cast<Index>(sizeof(T)) + indices * static_cast<Index>(sizeof(Index));
}

template <class T>
Range RowMatrix<T>::entries_of(Index row) const {
  if (!sparse_) return {row * columns_, (row + 1) * columns_};
  return {row_begin_[static_cast<std::size_t>(row)], row_begin_[static_cast<std::size_t>(row) + 1]};
}

template <class T>
void RowMatrix<T>::copy_rows(Range range, T* out, const T* weights) const {
  if (sparse_) std::fill_n(out, range.size() * columns_, T(0));
  for (Index i = range.begin; i < range.end; ++i, out += columns_) {
    const T weight = weights ? weights[i] : T(1);
    const Range stored = entries_of(i);
    for (Index k = stored.begin; k < stored.end; ++k)
      out[sparse_ ? column_of(k) : k - stored.begin] = weight * values_[static_cast<std::size_t>(k)];
  }
}

template <class T>
void RowMatrix<T>::multiply(const T* v, T* y) const {
  if (rows_ == 0) return;
  if (sparse_) {
    const SparseMap<T> a(rows_, columns_, entries(), row_begin_.data(), column_.data(), values_.data());
    Eigen::Map<Vector<T>>(y, rows_).noalias() = a * Eigen::Map<const Vector<T>>(v, columns_);
    return;
  }
  for_blocks(rows_, [&](Range block) {
    gemv(CblasNoTrans, block.size(), columns_, values_.data() + block.begin * columns_, v, y + block.begin);
  });
}

template <class T>
void RowMatrix<T>::add_transposed(const T* y, double* sum) const {
  AlignedVector<T> part(static_cast<std::size_t>(columns_));
  for_blocks(rows_, [&](Range block) {
    if (sparse_) {
      for (Index i = block.begin; i < block.end; ++i) {
        const Range stored = entries_of(i);
        for (Index k = stored.begin; k < stored.end; ++k)
          sum[column_of(k)] += static_cast<double>(y[i]) * static_cast<double>(values_[static_cast<std::size_t>(k)]);
      }
      return;
    }
    gemv(CblasTrans, block.size(), columns_, values_.data() + block.begin * columns_, y + block.begin, part.data());
    add(part, sum);
  });
}

template <class T>
void RowMatrix<T>::add_weighted_product(const T* weights, const T* v, double* sum) const {
  AlignedVector<T> part(static_cast<std::size_t>(columns_));
  for_blocks(rows_, [&](Range block) {
    if (!sparse_) {
      std::fill(part.begin(), part.end(), T(0));
      weighted_pass(values_.data() + block.begin * columns_, block.size(), columns_, weights + block.begin, v,
                    part.data());
      add(part, sum);
      return;
    }
    for (Index i = block.begin; i < block.end; ++i) {
      const Range stored = entries_of(i);
      double y = 0;
      for (Index k = stored.begin; k < stored.end; ++k)
        y += static_cast<double>(values_[static_cast<std::size_t>(k)]) * static_cast<double>(v[column_of(k)]);
      y *= static_cast<double>(weights[i]);
      for (Index k = stored.begin; k < stored.end; ++k)
        sum[column_of(k)] += y * static_cast<double>(values_[static_cast<std::size_t>(k)]);
    }
  });
}

template <class T>
void RowMatrix<T>::add_sparse_gram(const T* weights, double* packed) const {
  for (Index i = 0; i < rows_; ++i) {
    const Range stored = entries_of(i);
    for (Index k = stored.begin; k < stored.end; ++k) {
      const Index row = column_of(k);  // columns ascend within a row, so (row, column_of(l)) is in the upper triangle
      double* triangle_row = packed + row * columns_ - row * (row - 1) / 2 - row;
      const double factor = static_cast<double>(weights[i]) * static_cast<double>(values_[static_cast<std::size_t>(k)]);
      for (Index l = k; l < stored.end; ++l)
        triangle_row[column_of(l)] += factor * static_cast<double>(values_[static_cast<std::size_t>(l)]);
    }
  }
}

template <class T>
void RowMatrix<T>::add_gram(const T* weights, Gram<T>& work, double* packed) const {
  if (sparse_) return add_sparse_gram(weights, packed);
  work.start();
  work.absorb(values_.data(), nullptr, rows_, weights);
  const std::span<const T> sums = work.packed();
  for (std::size_t i = 0; i < sums.size(); ++i) packed[i] += static_cast<double>(sums[i]);
}

template <class T>
void RowMatrix<T>::add_cross(const T* weights, const RowMatrix& b, double* product) const {
  const Index width = b.columns();
  if (!sparse_ && !b.sparse_) {
    Array<T> left, right;
    for_blocks(rows_, [&](Range block) {
      left = Array<T>(1, block.size(), columns_);
      copy_rows(block, left.data(), weights);
      right = Array<T>(1, block.size(), width);
      b.copy_rows(block, right.data());
      const Array<T> part = product_transposed_left(left, right);
      for (Index i = 0; i < part.size(); ++i) product[i] += static_cast<double>(part.data()[i]);
    });
    return;
  }
  AlignedVector<T> part(static_cast<std::size_t>(columns_ * width));
  for_blocks(rows_, [&](Range block) {
    std::fill(part.begin(), part.end(), T(0));
    for (Index i = block.begin; i < block.end; ++i) {
      const Range mine = entries_of(i), other = b.entries_of(i);
      for (Index k = mine.begin; k < mine.end; ++k) {
        T* row = part.data() + column_of(k) * width;
        const T factor = weights[i] * values_[static_cast<std::size_t>(k)];
        if (!b.sparse_)
          axpy(width, factor, b.values_.data() + other.begin, row);
        else
          for (Index l = other.begin; l < other.end; ++l)
            row[b.column_of(l)] += factor * b.values_[static_cast<std::size_t>(l)];
      }
    }
    add(part, product);
  });
}

template <class T>
double RowMatrix<T>::gram_flops() const {
  if (!sparse_) return Gram<T>::flops(rows_, columns_, 0);
  const double mean = rows_ == 0 ? 0 : static_cast<double>(entries()) / static_cast<double>(rows_);
  return static_cast<double>(entries()) * (mean + 1);
}

template <class T>
double RowMatrix<T>::cross_flops(const RowMatrix& b) const {
  const double mean = rows_ == 0 ? 0 : static_cast<double>(b.entries()) / static_cast<double>(rows_);
  return 2 * static_cast<double>(entries()) * mean;
}

template class RowMatrix<float>;
template class RowMatrix<double>;

}  // namespace breakeven
