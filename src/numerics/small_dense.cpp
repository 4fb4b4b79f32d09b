#include "numerics/small_dense.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "numerics/lapack.hpp"

namespace breakeven {
namespace {

int as_int(Index n) {
  return static_cast<int>(n);
}

template <class T>
Array<T> multiply(CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, const Array<T>& a, const Array<T>& b) {
  const Index rows = left == CblasTrans ? a.columns() : a.rows(), inner = left == CblasTrans ? a.rows() : a.columns();
  const Index columns = right == CblasTrans ? b.rows() : b.columns();
  Array<T> c(1, rows, columns);
  if (c.size() == 0 || inner == 0) return c;
  if constexpr (sizeof(T) == 4)
    cblas_sgemm(CblasRowMajor, left, right, as_int(rows), as_int(columns), as_int(inner), 1, a.data(),
                as_int(a.columns()), b.data(), as_int(b.columns()), 0, c.data(), as_int(columns));
  else
    cblas_dgemm(CblasRowMajor, left, right, as_int(rows), as_int(columns), as_int(inner), 1, a.data(),
                as_int(a.columns()), b.data(), as_int(b.columns()), 0, c.data(), as_int(columns));
  return c;
}

template <class T>
void solve_triangle(CBLAS_TRANSPOSE transposed, const Array<T>& r, Array<T>& x) {
  if (x.size() == 0) return;
  if constexpr (sizeof(T) == 4)
    cblas_strsm(CblasRowMajor, CblasLeft, CblasUpper, transposed, CblasNonUnit, as_int(x.rows()), as_int(x.columns()),
                1, r.data(), as_int(r.columns()), x.data(), as_int(x.columns()));
  else
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, transposed, CblasNonUnit, as_int(x.rows()), as_int(x.columns()),
                1, r.data(), as_int(r.columns()), x.data(), as_int(x.columns()));
}

/// Column-major copy: what LAPACK takes.
template <class T>
Array<T> transposed(const Array<T>& a) {
  Array<T> t(1, a.columns(), a.rows());
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < a.columns(); ++j) t(0, j, i) = a(0, i, j);
  return t;
}

void require_success(int info, const char* routine) {
  if (info != 0) throw Failure(std::string(routine) + " failed with code " + std::to_string(info));
}

}  // namespace

template <class T>
void pack_upper(const Array<T>& r, std::span<T> packed) {
  std::size_t at = 0;
  for (Index i = 0; i < r.columns(); ++i)
    for (Index j = i; j < r.columns(); ++j) packed[at++] = r(0, i, j);
}

template <class T>
Array<T> unpack_upper(std::span<const T> packed, Index d) {
  Array<T> r(1, d, d);
  std::size_t at = 0;
  for (Index i = 0; i < d; ++i)
    for (Index j = i; j < d; ++j) r(0, i, j) = packed[at++];
  return r;
}

template <class T>
Array<T> unpack_symmetric(std::span<const T> packed, Index d) {
  Array<T> a = unpack_upper(packed, d);
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < i; ++j) a(0, i, j) = a(0, j, i);
  return a;
}

template <class T>
std::optional<Array<T>> cholesky(const Array<T>& a) {
  Array<T> r = a;
  // A row-major upper triangle is a column-major lower one.
  if (lapack::potrf('L', as_int(r.columns()), r.data(), as_int(r.columns())) != 0) return std::nullopt;
  for (Index i = 0; i < r.columns(); ++i) {
    if (!std::isfinite(r(0, i, i))) return std::nullopt;  // a NaN passes as a pivot
    std::fill_n(r.row(0, i), i, T(0));
  }
  return r;
}

template <class T>
void solve_upper(const Array<T>& r, Array<T>& x) {
  solve_triangle(CblasNoTrans, r, x);
}

template <class T>
void solve_upper_transposed(const Array<T>& r, Array<T>& x) {
  solve_triangle(CblasTrans, r, x);
}

template <class T>
void solve_upper_from_right(const Array<T>& r, T* rows, Index n_rows) {
  const int d = as_int(r.columns());
  if (d == 0 || n_rows == 0) return;
  if constexpr (sizeof(T) == 4)
    cblas_strsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, as_int(n_rows), d, 1, r.data(), d,
                rows, d);
  else
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, as_int(n_rows), d, 1, r.data(), d,
                rows, d);
}

template <class T>
Array<T> qr_upper(const Array<T>& a) {
  const Index d = a.columns(), rows = std::min(a.rows(), d);
  Array<T> columns = transposed(a), r(1, d, d);
  if (rows > 0) require_success(lapack::geqrf(as_int(a.rows()), as_int(d), columns.data()), "geqrf");
  for (Index i = 0; i < rows; ++i) {
    const T sign = columns(0, i, i) < 0 ? T(-1) : T(1);
    for (Index j = i; j < d; ++j) r(0, i, j) = sign * columns(0, j, i);
  }
  return r;
}

template <class T>
Array<T> product(const Array<T>& a, const Array<T>& b) {
  return multiply(CblasNoTrans, CblasNoTrans, a, b);
}

template <class T>
Array<T> product_transposed_left(const Array<T>& a, const Array<T>& b) {
  return multiply(CblasTrans, CblasNoTrans, a, b);
}

template <class T>
Array<T> product_transposed_right(const Array<T>& a, const Array<T>& b) {
  return multiply(CblasNoTrans, CblasTrans, a, b);
}

template <class T>
std::vector<T> singular_values(const Array<T>& a) {
  std::vector<T> values(static_cast<std::size_t>(std::min(a.rows(), a.columns())));
  if (values.empty()) return values;
  Array<T> columns = transposed(a);
  require_success(lapack::gesdd_values(as_int(a.rows()), as_int(a.columns()), columns.data(), values.data()), "gesdd");
  return values;
}

template <class T>
std::vector<T> symmetric_eigenvalues(const Array<T>& a) {
  std::vector<T> values(static_cast<std::size_t>(a.columns()));
  Array<T> copy = a;
  if (!values.empty()) require_success(lapack::syevd_values(as_int(a.columns()), copy.data(), values.data()), "syevd");
  return values;
}

template <class T>
T reciprocal_condition(const Array<T>& r) {
  return r.columns() == 0 ? T(1) : lapack::trcon_one_norm_of_row_major_upper(as_int(r.columns()), r.data());
}

#define BREAKEVEN_SMALL_DENSE(T)                                                \
  template void pack_upper(const Array<T>&, std::span<T>);                      \
  template Array<T> unpack_upper(std::span<const T>, Index);                    \
  template Array<T> unpack_symmetric(std::span<const T>, Index);                \
  template std::optional<Array<T>> cholesky(const Array<T>&);                   \
  template void solve_upper(const Array<T>&, Array<T>&);                        \
  template void solve_upper_transposed(const Array<T>&, Array<T>&);             \
  template void solve_upper_from_right(const Array<T>&, T*, Index);             \
  template Array<T> qr_upper(const Array<T>&);                                  \
  template Array<T> product(const Array<T>&, const Array<T>&);                  \
  template Array<T> product_transposed_left(const Array<T>&, const Array<T>&);  \
  template Array<T> product_transposed_right(const Array<T>&, const Array<T>&); \
  template std::vector<T> singular_values(const Array<T>&);                     \
  template std::vector<T> symmetric_eigenvalues(const Array<T>&);               \
  template T reciprocal_condition(const Array<T>&)
BREAKEVEN_SMALL_DENSE(float);
BREAKEVEN_SMALL_DENSE(double);
#undef BREAKEVEN_SMALL_DENSE

}  // namespace breakeven
