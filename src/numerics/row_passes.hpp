#pragma once

#include <span>

#include "base/index.hpp"

// Passes over the rows of a tall row-major matrix A (rows x d, no gaps) that read each row once, for what a plain BLAS
// would read A twice. Local, no communicator; outputs named "added to" are not cleared. Errors: none.
namespace breakeven {

/// r = B - A X, gradient += A'r, squares[j] += |r_j|^2. B, r: rows x n_rhs; X, gradient: d x n_rhs; all row-major.
/// residual may be null. Cost: 4 rows d n_rhs flops.
template <class T>
void residual_pass(const T* a, Index rows, Index d, const T* b, Index n_rhs, const T* x, T* gradient, double* squares,
                   T* residual = nullptr);

/// u = alpha u + beta A v, gradient += A'u; returns |u|^2. u: rows; v, gradient: d. Cost: 4 rows d flops.
/// Both halves of a step of LSQR (Paige and Saunders 1982), whose normalisation may follow afterwards.
template <class T>
double bidiagonal_pass(const T* a, Index rows, Index d, T alpha, T* u, T beta, const T* v, T* gradient);

/// gradient += A' diag(weights) A v. Cost: 4 rows d flops.
template <class T>
void weighted_pass(const T* a, Index rows, Index d, const T* weights, const T* v, T* gradient);

/// norms[i] = |row_i(A) X|^2, X (d x n_columns) row-major: with X = R^-1 the leverage scores against R. Cost: 2 rows d
/// n_columns flops.
template <class T>
void squared_row_norms(const T* a, Index rows, Index d, const T* x, Index n_columns, T* norms);

}  // namespace breakeven
