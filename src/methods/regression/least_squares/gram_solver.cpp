#include "methods/regression/least_squares/gram_solver.hpp"

#include <cmath>

#include "numerics/small_dense.hpp"

namespace breakeven::regression {

template <class T>
std::optional<Array<T>> definite_factor(const Array<T>& gram) {
  std::optional<Array<T>> r = cholesky(gram);
  if (!r) return r;
  const double rounding = static_cast<double>(gram.columns() + 8) * unit_roundoff<T>;
  for (Index i = 0; i < gram.columns(); ++i) {
    const auto pivot = static_cast<double>((*r)(0, i, i));
    if (pivot * pivot <= rounding * static_cast<double>(gram(0, i, i))) return std::nullopt;
  }
  return r;
}

template <class T>
GramSolver<T>::GramSolver(const Communicator& comm, const LeastSquaresSpec& spec)
    : comm_(comm), spec_(spec), gram_(spec.d, spec.rhs) {}

template <class T>
bool GramSolver<T>::factor(const LeastSquaresProblem<T>& problem) {
  gram_.start();
  gram_.absorb(problem.a.data(), problem.b.data(), problem.a.rows());
  const std::span<T> packed = gram_.packed();
  comm_.all_reduce(packed);
  Array<T> matrix = Gram<T>::matrix(packed, spec_.d);
  double squares = 0;
  for (Index i = 0; i < spec_.d; ++i) {
    matrix(0, i, i) += static_cast<T>(spec_.ridge);
    squares += static_cast<double>(matrix(0, i, i));
  }
  a_norm_ = std::sqrt(squares);
  rhs_ = Gram<T>::rhs(packed, spec_.d, spec_.rhs);
  std::optional<Array<T>> r = definite_factor(matrix);
  if (r) r_ = std::move(*r);
  return r.has_value();
}

template <class T>
void GramSolver<T>::solve(Array<T>& x) const {
  solve_upper_transposed(r_, x);
  solve_upper(r_, x);
}

template <class T>
void GramSolver<T>::schedule(Schedule& schedule, const LeastSquaresSpec& spec, int ranks, int rank) {
  const Index rows = block(spec.n, ranks, rank).size();
  const Index packed = Gram<T>::packed_size(spec.d, spec.rhs) * static_cast<Index>(sizeof(T));
  const auto d = static_cast<double>(spec.d);
  schedule.compute(Gram<T>::flops(rows, spec.d, spec.rhs), row_bytes<T>(spec, ranks, rank));
  schedule.communicate(Operation::all_reduce, packed);
  schedule.compute(d * d * d / 3 + 2 * d * d * static_cast<double>(spec.rhs), static_cast<double>(packed));
}

template <class T>
Index GramSolver<T>::bytes(const LeastSquaresSpec& spec) {
  const Index words = 2 * spec.d * spec.d + spec.d * spec.rhs;  // matrix and factor, A'B
  return Gram<T>::bytes(spec.d, spec.rhs) + words * static_cast<Index>(sizeof(T));
}

template class GramSolver<float>;
template class GramSolver<double>;
template std::optional<Array<float>> definite_factor(const Array<float>&);
template std::optional<Array<double>> definite_factor(const Array<double>&);

}  // namespace breakeven::regression
