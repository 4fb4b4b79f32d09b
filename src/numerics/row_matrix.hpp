#pragma once

#include <span>
#include <vector>

#include "base/array.hpp"
#include "base/index.hpp"
#include "numerics/gram.hpp"

namespace breakeven {

/// Rows of a tall matrix, dense (row-major, no gaps) or sparse (compressed rows, zeros not stored): the same operations
/// either way. Rows arrive in blocks and stay. Local, no communicator. Results named "added to" are not cleared and are
/// float64 whatever T: sums over many rows. Products of sparse rows are Eigen's. Errors: none; entries must be finite.
template <class T>
class RowMatrix {
 public:
  RowMatrix() = default;
  RowMatrix(Index columns, bool sparse) : columns_(columns), sparse_(sparse) {}

  /// Appends rows given densely, n_rows x columns.
  void append(std::span<const T> rows);
  void reserve(Index n_rows);

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  bool sparse() const { return sparse_; }
  Index entries() const { return static_cast<Index>(values_.size()); }  ///< stored; of dense rows all
  Index bytes() const;
  std::span<const T> values() const { return values_; }
  /// Position of a stored entry's row and column.
  Index column_of(Index entry) const { return sparse_ ? column_[static_cast<std::size_t>(entry)] : entry % columns_; }
  Range entries_of(Index row) const;

  /// Rows as dense ones, range.size() x columns, each times its weight if weights (one a row of the matrix) are given.
  void copy_rows(Range range, T* out, const T* weights = nullptr) const;

  /// y = A v; y: rows, v: columns. Cost: 2 entries flops.
  void multiply(const T* v, T* y) const;
  /// sum += A'y, added to. Cost: 2 entries flops.
  void add_transposed(const T* y, double* sum) const;
  /// sum += A' diag(weights) A v, added to, each row read once. Cost: 4 entries flops.
  void add_weighted_product(const T* weights, const T* v, double* sum) const;
  /// packed += upper triangle of A' diag(weights) A, row by row, added to. `work` is for d = columns and no right side.
  /// Cost: dense rows d (d + 1) flops, sparse one multiply-add a pair of entries of a row.
  void add_gram(const T* weights, Gram<T>& work, double* packed) const;
  /// product += A' diag(weights) B, columns x columns of B, row-major, added to. B has as many rows.
  /// Cost: sparse A: 2 entries columns(B) flops, and so on; see gram_flops and cross_flops.
  void add_cross(const T* weights, const RowMatrix& b, double* product) const;

  double gram_flops() const;
  double cross_flops(const RowMatrix& b) const;

 private:
  void add_sparse_gram(const T* weights, double* packed) const;

  Index rows_ = 0, columns_ = 0;
  bool sparse_ = false;
  AlignedVector<T> values_;
  std::vector<Index> column_, row_begin_{0};  // sparse only
};

extern template class RowMatrix<float>;
extern template class RowMatrix<double>;

}  // namespace breakeven
