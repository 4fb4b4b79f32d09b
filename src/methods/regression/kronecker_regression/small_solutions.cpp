#include "methods/regression/kronecker_regression/small_solutions.hpp"

#include "numerics/small_dense.hpp"

namespace breakeven::regression::kronecker_regression {
template <class T>
Array<T> transposed(const Array<T>& a) {
  Array<T> t(1, a.columns(), a.rows());
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < a.columns(); ++j) t(0, j, i) = a(0, i, j);
  return t;
}

template <class T>
Array<T> from_basis(const Array<T>& r1, Array<T> y, const Array<T>& r2) {
  solve_upper(r1, y);
  Array<T> x = transposed(y);
  solve_upper(r2, x);
  return transposed(x);
}

template Array<float> transposed(const Array<float>&);
template Array<double> transposed(const Array<double>&);
template Array<float> from_basis(const Array<float>&, Array<float>, const Array<float>&);
template Array<double> from_basis(const Array<double>&, Array<double>, const Array<double>&);

}  // namespace breakeven::regression::kronecker_regression
