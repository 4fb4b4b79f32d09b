#include <algorithm>
#include <cmath>
#include <limits>

#include "methods/regression/kronecker/oracle.hpp"
#include "methods/regression/kronecker_regression/problem.hpp"

// The oracle of regression/kronecker_regression: float64, all of B, plain loops; shares no code with any method. It
// works on the values the methods were given (rounded to their scalar).
namespace breakeven::regression {
namespace {

constexpr Index entries_at_once = Index{1} << 18;

/// Q2 = A2 R2^-1, whole.
template <class T>
Array<double> second_basis(const Source<T>& source, const KroneckerSpec& spec, const Array<double>& inverse) {
  const Array<T> a2 = source.rows("a2", 0, {0, spec.second_rows()});
  Array<double> q(1, a2.rows(), a2.columns());
  for (Index j = 0; j < a2.rows(); ++j)
    for (Index p = 0; p < a2.columns(); ++p)
      for (Index c = p; c < a2.columns(); ++c) q(0, j, c) += static_cast<double>(a2(0, j, p)) * inverse(0, p, c);
  return q;
}

/// left X right' for small matrices.
Array<double> sandwich(const Array<double>& left, const Array<double>& x, const Array<double>& right) {
  Array<double> half(1, left.rows(), x.columns()), whole(1, left.rows(), right.rows());
  for (Index i = 0; i < left.rows(); ++i)
    for (Index k = 0; k < x.rows(); ++k)
      for (Index j = 0; j < x.columns(); ++j) half(0, i, j) += left(0, i, k) * x(0, k, j);
  for (Index i = 0; i < left.rows(); ++i)
    for (Index j = 0; j < right.rows(); ++j)
      for (Index k = 0; k < x.columns(); ++k) whole(0, i, j) += half(0, i, k) * right(0, j, k);
  return whole;
}

double squared_norm(const Array<double>& a) {
  double sum = 0;
  for (const double entry : a.span()) sum += entry * entry;
  return sum;
}

/// Y = Q1'B Q2 (d x d2) followed by |B|_F^2, of this rank's rows.
template <class T>
std::vector<double> fold_share(const Source<T>& source, const KroneckerSpec& spec, Range share,
                               const std::array<Array<double>, 2>& inverse) {
  const Index d = spec.d, d2 = spec.second_columns(), columns = spec.second_rows();
  const Array<double> q2 = second_basis(source, spec, inverse[1]);
  std::vector<double> sums(static_cast<std::size_t>(d * d2 + 1), 0), row(static_cast<std::size_t>(d2)),
      q1(static_cast<std::size_t>(d));
  const Index at_once = std::max<Index>(1, entries_at_once / columns);
  for (Index begin = share.begin; begin < share.end; begin += at_once) {
    const Range range{begin, std::min(begin + at_once, share.end)};
    Array<T> b(1, range.size(), columns);
    source.block("b", 0, range, {0, columns}, b.span());
    const Array<T> a1 = source.rows("a1", 0, range);
    for (Index i = 0; i < range.size(); ++i) {
      std::fill(row.begin(), row.end(), 0.0);
      double square = 0;
      for (Index j = 0; j < columns; ++j) {
        const auto entry = static_cast<double>(b(0, i, j));
        square += entry * entry;
        const double* q = q2.row(0, j);
        for (Index c = 0; c < d2; ++c) row[static_cast<std::size_t>(c)] += entry * q[c];
      }
      sums.back() += square;
      std::fill(q1.begin(), q1.end(), 0.0);
      for (Index p = 0; p < d; ++p)
        for (Index c = p; c < d; ++c)
          q1[static_cast<std::size_t>(c)] += static_cast<double>(a1(0, i, p)) * inverse[0](0, p, c);
      for (Index p = 0; p < d; ++p)
        for (Index c = 0; c < d2; ++c)
          sums[static_cast<std::size_t>(p * d2 + c)] +=
              q1[static_cast<std::size_t>(p)] * row[static_cast<std::size_t>(c)];
    }
  }
  return sums;
}

}  // namespace

template <class T>
KroneckerRegressionReference KroneckerRegressionProblem<T>::reference(const Communicator& comm, const Spec& spec,
                                                                      const Source<T>& source, std::uint64_t) {
  KroneckerRegressionReference reference;
  reference.spec = spec;
  reference.r = reference_triangles(comm, spec, source);
  const std::array<Array<double>, 2> inverse{inverse_of_upper(reference.r[0]), inverse_of_upper(reference.r[1])};
  std::vector<double> sums = fold_share(source, spec, block(spec.n, comm.size(), comm.rank()), inverse);
  comm.all_reduce(std::span<double>(sums));
  Array<double> y(1, spec.d, spec.second_columns());
  std::copy_n(sums.begin(), y.size(), y.data());
  reference.x = sandwich(inverse[0], y, inverse[1]);
  reference.b_square = sums.back();
  // |B|^2 = |Y|^2 + smallest; each of the two is a sum of n n2 terms, known to about sqrt(n n2) roundings.
  const double terms = static_cast<double>(spec.n) * static_cast<double>(spec.second_rows());
  const double rounding = 100 * std::sqrt(terms) * std::numeric_limits<double>::epsilon() * reference.b_square;
  const double smallest = reference.b_square - squared_norm(y);
  reference.smallest_square = smallest > rounding ? smallest : 0;
  return reference;
}

template <class T>
KroneckerRegressionQuality KroneckerRegressionProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                                  const KroneckerRegressionProblem& problem,
                                                                  const Solution& solution) {
  Array<double> difference(1, reference.x.rows(), reference.x.columns());
  for (Index i = 0; i < difference.size(); ++i)
    difference.data()[i] = static_cast<double>(solution.x.data()[i]) - reference.x.data()[i];
  // Pythagoras: the residual of X* is orthogonal to A1 (X - X*) A2'.
  const double excess = squared_norm(sandwich(reference.r[0], difference, reference.r[1]));
  const double per = reference.smallest_square > 0 ? reference.smallest_square : reference.b_square;
  KroneckerRegressionQuality quality;
  quality.error = excess == 0 ? 0 : excess / per;
  if (std::isnan(quality.error)) quality.error = std::numeric_limits<double>::infinity();
  const double residual_square = reference.smallest_square + excess;
  quality.residual = residual_square == 0 ? 0 : std::sqrt(residual_square / reference.b_square);
  const double distance = squared_norm(difference);
  quality.forward_error = distance == 0 ? 0 : std::sqrt(distance / squared_norm(reference.x));
  quality.halving_error = halving_error(solution.halved, reference.r);
  quality.entries_read = comm.all_reduce(solution.entries_read);
  quality.share_read = static_cast<double>(quality.entries_read) /
                       (static_cast<double>(problem.spec.n) * static_cast<double>(problem.spec.second_rows()));
  return quality;
}

template <class T>
bool KroneckerRegressionProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  if (a.x.size() != b.x.size()) return false;
  Array<double> difference(1, reference.x.rows(), reference.x.columns());
  for (Index i = 0; i < difference.size(); ++i)
    difference.data()[i] = static_cast<double>(a.x.data()[i]) - static_cast<double>(b.x.data()[i]);
  const double terms = static_cast<double>(std::max(reference.spec.n, reference.spec.second_rows()));
  const double size =
      std::sqrt(squared_norm(reference.r[0]) * squared_norm(reference.x) * squared_norm(reference.r[1])) +
      std::sqrt(reference.b_square);
  const double tolerance = 16 * std::sqrt(terms + 8) * static_cast<double>(std::numeric_limits<T>::epsilon()) * size;
  return std::sqrt(squared_norm(sandwich(reference.r[0], difference, reference.r[1]))) <= tolerance;
}

#define BREAKEVEN_KRONECKER_REGRESSION_ORACLE(T)                                                                   \
  template KroneckerRegressionReference KroneckerRegressionProblem<T>::reference(const Communicator&, const Spec&, \
                                                                                 const Source<T>&, std::uint64_t); \
  template KroneckerRegressionQuality KroneckerRegressionProblem<T>::quality(                                      \
      const Communicator&, const Reference&, const KroneckerRegressionProblem&, const Solution&);                  \
  template bool KroneckerRegressionProblem<T>::agrees(const Reference&, const Solution&, const Solution&)
BREAKEVEN_KRONECKER_REGRESSION_ORACLE(float);
BREAKEVEN_KRONECKER_REGRESSION_ORACLE(double);
#undef BREAKEVEN_KRONECKER_REGRESSION_ORACLE

}  // namespace breakeven::regression
