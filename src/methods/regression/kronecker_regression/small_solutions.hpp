#pragma once

#include "base/array.hpp"

namespace breakeven::regression::kronecker_regression {

/// X = R1^-1 Y R2^-T: from the coordinates of Q1, Q2 to those of A1, A2. Local; d d2 (d + d2) flops.
template <class T>
Array<T> from_basis(const Array<T>& r1, Array<T> y, const Array<T>& r2);

template <class T>
Array<T> transposed(const Array<T>& a);

}  // namespace breakeven::regression::kronecker_regression
