#include "numerics/products.hpp"

#include <cblas.h>

#include <type_traits>

namespace breakeven {
namespace {

int as_int(Index value) {
  return static_cast<int>(value);
}

template <class T>
void multiply(CBLAS_TRANSPOSE of_b, Index rows, Index columns, Index depth, StridedMatrix<const T> a,
              StridedMatrix<const T> b, T before, StridedMatrix<T> c) {
  if (rows == 0 || columns == 0) return;
  const auto gemm = [&](auto call) {
    call(CblasRowMajor, CblasNoTrans, of_b, as_int(rows), as_int(columns), as_int(depth), T(1), a.entries,
         as_int(a.stride), b.entries, as_int(b.stride), before, c.entries, as_int(c.stride));
  };
  if constexpr (std::is_same_v<T, float>)
    gemm(cblas_sgemm);
  else
    gemm(cblas_dgemm);
}

}  // namespace

template <class T>
void product_with_transposed(Index rows, Index columns, Index depth, StridedMatrix<const T> a, StridedMatrix<const T> b,
                             StridedMatrix<T> c) {
  multiply(CblasTrans, rows, columns, depth, a, b, T(0), c);
}

template <class T>
void add_product(Index rows, Index columns, Index depth, StridedMatrix<const T> a, StridedMatrix<const T> b,
                 StridedMatrix<T> c) {
  multiply(CblasNoTrans, rows, columns, depth, a, b, T(1), c);
}

template void product_with_transposed(Index, Index, Index, StridedMatrix<const float>, StridedMatrix<const float>,
                                      StridedMatrix<float>);
template void product_with_transposed(Index, Index, Index, StridedMatrix<const double>, StridedMatrix<const double>,
                                      StridedMatrix<double>);
template void add_product(Index, Index, Index, StridedMatrix<const float>, StridedMatrix<const float>,
                          StridedMatrix<float>);
template void add_product(Index, Index, Index, StridedMatrix<const double>, StridedMatrix<const double>,
                          StridedMatrix<double>);

}  // namespace breakeven
