#include "methods/regression/least_squares/gram_solver.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

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
double condition_from_pivots(const Array<T>& gram) {
  const Index d = gram.columns();
  const double rounding = static_cast<double>(d + 8) * unit_roundoff<T>;
  Array<double> rest(1, d, d);  // what elimination has left of the upper triangle
  std::copy(gram.span().begin(), gram.span().end(), rest.data());
  double largest = 0, smallest = std::numeric_limits<double>::infinity();
  for (Index k = 0; k < d; ++k) {
    const auto diagonal = static_cast<double>(gram(0, k, k));
    largest = std::max(largest, diagonal);
    const double pivot = std::max(rest(0, k, k), rounding * diagonal);
    smallest = std::min(smallest, pivot);
    if (!(rest(0, k, k) > 0)) continue;  // nothing to eliminate with: fewer v, so later pivots are no smaller
    const double* row = rest.row(0, k);
    for (Index i = k + 1; i < d; ++i) {
      const double factor = row[i] / row[k];
      for (Index j = i; j < d; ++j) rest(0, i, j) -= factor * row[j];
    }
  }
  return std::sqrt(largest / smallest);
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
  const Array<T> gram = matrix();
  double squares = 0;
  for (Index i = 0; i < spec_.d; ++i) squares += static_cast<double>(gram(0, i, i));
  a_norm_ = std::sqrt(squares);
  rhs_ = Gram<T>::rhs(packed, spec_.d, spec_.rhs);
  std::optional<Array<T>> r = definite_factor(gram);
  if (r) r_ = std::move(*r);
  return r.has_value();
}

template <class T>
Array<T> GramSolver<T>::matrix() {
  Array<T> gram = Gram<T>::matrix(gram_.packed(), spec_.d);
  for (Index i = 0; i < spec_.d; ++i) gram(0, i, i) += static_cast<T>(spec_.ridge);
  return gram;
}

template <class T>
double GramSolver<T>::least_condition() {
  return condition_from_pivots(matrix());
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
template double condition_from_pivots(const Array<float>&);
template double condition_from_pivots(const Array<double>&);

}  // namespace breakeven::regression
