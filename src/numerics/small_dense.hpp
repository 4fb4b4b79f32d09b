#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/array.hpp"
#include "base/index.hpp"

// Decompositions of small matrices (d x d, or d columns and few rows), which every rank computes for itself from equal
// numbers. Matrices are Array with one slice, row-major. Local, no communicator. Eigen stands behind them.
namespace breakeven {

/// Entries of the upper triangle of a d x d matrix, diagonal included, row by row: the packed form that travels.
inline Index packed_size(Index d) {
  return d * (d + 1) / 2;
}
/// Writes the upper triangle of r row by row.
template <class T>
void pack_upper(const Array<T>& r, std::span<T> packed);
/// The upper triangular matrix of a packed one, zeros below.
template <class T>
Array<T> unpack_upper(std::span<const T> packed, Index d);
/// The symmetric matrix whose upper triangle is packed.
template <class T>
Array<T> unpack_symmetric(std::span<const T> packed, Index d);

/// R with R'R = a, upper triangular, positive diagonal. Empty if a pivot is not positive: a is not positive definite to
/// working precision. Cost: d^3 / 3 flops.
template <class T>
std::optional<Array<T>> cholesky(const Array<T>& a);

/// x = R^-1 x and x = R^-T x in place, R upper triangular (d x d), x (d x k). Cost: d^2 k flops.
template <class T>
void solve_upper(const Array<T>& r, Array<T>& x);
template <class T>
void solve_upper_transposed(const Array<T>& r, Array<T>& x);

/// rows = rows R^-1 in place, R upper triangular (d x d), rows n_rows x d, row-major. Cost: d^2 n_rows flops.
template <class T>
void solve_upper_from_right(const Array<T>& r, T* rows, Index n_rows);

/// R of the QR decomposition of a (m x d, any m), positive diagonal, d x d; zero rows where m < d.
template <class T>
Array<T> qr_upper(const Array<T>& a);

/// a b, a' b and a b', for small matrices.
template <class T>
Array<T> product(const Array<T>& a, const Array<T>& b);
template <class T>
Array<T> product_transposed_left(const Array<T>& a, const Array<T>& b);
template <class T>
Array<T> product_transposed_right(const Array<T>& a, const Array<T>& b);

/// Singular values, descending; eigenvalues of a symmetric matrix, ascending.
template <class T>
std::vector<T> singular_values(const Array<T>& a);
template <class T>
std::vector<T> symmetric_eigenvalues(const Array<T>& a);

/// Reciprocal condition estimate in the 1-norm of an upper triangular matrix; 0 if it is singular.
template <class T>
T reciprocal_condition(const Array<T>& r);

}  // namespace breakeven
