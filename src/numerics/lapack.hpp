#pragma once

// The few LAPACK routines that numerics calls, overloaded on the scalar, with their workspace. Matrices column-major
// without gaps unless said; in place. Each returns LAPACK's info. The library is the BLAS one (OpenBLAS brings LAPACK).
namespace breakeven::lapack {

/// Cholesky of the triangle `uplo` of a (n x n, leading dimension ld).
int potrf(char uplo, int n, float* a, int ld);
int potrf(char uplo, int n, double* a, int ld);

/// QR of a (rows x columns): R on and above the diagonal.
int geqrf(int rows, int columns, float* a);
int geqrf(int rows, int columns, double* a);

/// Singular values, descending; a is destroyed.
int gesdd_values(int rows, int columns, float* a, float* values);
int gesdd_values(int rows, int columns, double* a, double* values);

/// Eigenvalues of a symmetric matrix, ascending; a is destroyed.
int syevd_values(int n, float* a, float* values);
int syevd_values(int n, double* a, double* values);

/// Estimate of 1 / (|r|_1 |r^-1|_1) for a row-major upper triangular r (n x n).
float trcon_one_norm_of_row_major_upper(int n, const float* r);
double trcon_one_norm_of_row_major_upper(int n, const double* r);

}  // namespace breakeven::lapack
