#pragma once

#include "base/index.hpp"
#include "numerics/strided_matrix.hpp"

namespace breakeven {

/// C = A B' and C += A B by BLAS, all row-major; A rows x depth, B columns x depth respectively depth x columns.
/// T is float or double. Cost: 2 rows columns depth flops. Errors: none; extents fit an int.
template <class T>
void product_with_transposed(Index rows, Index columns, Index depth, StridedMatrix<const T> a, StridedMatrix<const T> b,
                             StridedMatrix<T> c);
template <class T>
void add_product(Index rows, Index columns, Index depth, StridedMatrix<const T> a, StridedMatrix<const T> b,
                 StridedMatrix<T> c);

}  // namespace breakeven
