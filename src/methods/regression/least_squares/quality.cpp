#include <algorithm>
#include <array>
#include <cmath>

#include "methods/regression/least_squares/extended.hpp"
#include "methods/regression/least_squares/problem.hpp"
#include "numerics/small_dense.hpp"

// How good an answer to regression/least_squares is. The ridge is taken as what it is in mathematics: sqrt(ridge) I as
// rows of A, with right sides 0.
namespace breakeven::regression {
namespace {

/// NaN and x / 0 become infinity: no broken answer passes for a small error. 0 / 0 is 0: nothing is missing.
double ratio(double value, double scale) {
  if (value == 0) return 0;
  const double result = value / scale;
  return std::isnan(result) ? std::numeric_limits<double>::infinity() : result;
}

double norm(const Array<double>& a) {
  double squares = 0;
  for (const double entry : a.span()) squares += entry * entry;
  return std::sqrt(squares);
}

template <class T>
Array<double> in_float64(const Array<T>& x) {
  Array<double> result(1, x.rows(), x.columns());
  std::copy(x.span().begin(), x.span().end(), result.data());
  return result;
}

Array<double> difference(const Array<double>& a, const Array<double>& b) {
  Array<double> result = a;
  for (Index i = 0; i < a.size(); ++i) result.data()[i] -= b.data()[i];
  return result;
}

/// One right side: its answer, its gradient A'r - ridge x and |r|^2 + ridge |x|^2.
struct Column {
  double x_norm = 0;
  Array<double> gradient;  // d x 1
  double r_norm = 0;

  Column(const LeastSquaresSpec& spec, const ExtendedResidual& sums, const Array<double>& x, Index j)
      : gradient(1, spec.d, 1) {
    long double x_squares = 0;
    const auto ridge = static_cast<long double>(spec.ridge);
    for (Index c = 0; c < spec.d; ++c) {
      const auto entry = static_cast<long double>(x(0, c, j));
      x_squares += entry * entry;
      gradient(0, c, 0) = static_cast<double>(sums.gradient[static_cast<std::size_t>(j * spec.d + c)] - ridge * entry);
    }
    x_norm = static_cast<double>(std::sqrt(x_squares));
    r_norm = static_cast<double>(std::sqrt(sums.squares[static_cast<std::size_t>(j)] + ridge * x_squares));
  }
};

/// |(|x|^2 R'R + |r|^2 I)^(-1/2) A'r| / |A|_F (Karlson and Walden 1997). The square root comes from the QR
/// decomposition of [|x| R; |r| I]: the matrix itself would have the square of its condition.
double backward_error(const LeastSquaresReference& reference, const Column& column) {
  const Index d = reference.spec.d;
  const double gradient = norm(column.gradient);
  if (gradient == 0 || !std::isfinite(gradient)) return ratio(gradient, 1);
  Array<double> stacked(1, 2 * d, d);
  for (Index i = 0; i < d * d; ++i) stacked.data()[i] = column.x_norm * reference.r.data()[i];
  for (Index i = 0; i < d; ++i) stacked(0, d + i, i) = column.r_norm;
  Array<double> whitened = column.gradient;
  solve_upper_transposed(qr_upper(stacked), whitened);
  const double ridge_squares = reference.spec.ridge * static_cast<double>(d);
  return ratio(norm(whitened), std::sqrt(reference.a_norm * reference.a_norm + ridge_squares));
}

/// Share of the test rows whose largest predicted column is that of the right side. Collective.
double test_accuracy(const Communicator& comm, const LeastSquaresReference& reference, const Array<double>& x) {
  Index hits = 0;
  if (reference.test_a.size() > 0) {
    const Array<double> predicted = product(reference.test_a, x);
    const auto largest = [](const double* row, Index columns) { return std::max_element(row, row + columns) - row; };
    for (Index i = 0; i < predicted.rows(); ++i)
      if (largest(predicted.row(0, i), predicted.columns()) == largest(reference.test_b.row(0, i), predicted.columns()))
        ++hits;
  }
  hits = comm.all_reduce(hits);
  return static_cast<double>(hits) / static_cast<double>(reference.spec.test_rows);
}

/// |R (X - X*)|_F^2: what the objective exceeds its smallest value by (Pythagoras), however small that is.
double excess(const LeastSquaresReference& reference, const Array<double>& x) {
  const double length = norm(product(reference.r, difference(x, reference.x)));
  return length * length;
}

/// Relative to the smallest objective; if that is as small as the rounding of B in T, to |B|^2, and then the objective
/// itself: what a method makes of rounding is not its error.
template <class T>
double headline_error(const LeastSquaresReference& reference, const Array<double>& x) {
  const double unit_roundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const double rounding = 100 * unit_roundoff * reference.b_norm;
  const double above = excess(reference, x);
  if (reference.objective > rounding * rounding) return ratio(above, reference.objective);
  return ratio(reference.objective + above, reference.b_norm * reference.b_norm);
}

}  // namespace

template <class T>
LeastSquaresQuality LeastSquaresProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                    const LeastSquaresProblem& problem, const Solution& solution) {
  const Spec& spec = reference.spec;
  const Array<double> x = in_float64(solution.x);
  ExtendedResidual sums(spec.d, spec.rhs);
  sums.add(problem.a.data(), problem.b.data(), problem.a.rows(), x);
  sums.sum_over(comm);

  Quality quality;
  double gradient_squares = 0, residual_squares = 0;
  for (Index j = 0; j < spec.rhs; ++j) {
    const Column column(spec, sums, x, j);
    quality.backward_error = std::max(quality.backward_error, backward_error(reference, column));
    gradient_squares += norm(column.gradient) * norm(column.gradient);
    residual_squares += static_cast<double>(sums.squares[static_cast<std::size_t>(j)]);
  }
  quality.error = headline_error<T>(reference, x);
  quality.optimality = ratio(std::sqrt(gradient_squares), reference.a_norm * std::sqrt(residual_squares));
  quality.forward_error = ratio(norm(difference(x, reference.x)), norm(reference.x));
  quality.residual = ratio(std::sqrt(residual_squares), reference.b_norm);
  quality.condition_estimate = reference.condition;
  const Index rows_read = comm.all_reduce(solution.rows_read);
  if (rows_read >= 0) quality.rows_read = rows_read;  // unknown on one rank, unknown on all
  if (solution.halved.size() > 0) quality.halving_error = whitened_error(solution.halved, reference.r);
  if (spec.test_rows > 0 && spec.rhs > 1) quality.test_accuracy = test_accuracy(comm, reference, x);
  return quality;
}

template <class T>
bool LeastSquaresProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  if (a.x.size() != b.x.size()) return false;
  // Relative changes eps of A and B move R X by eps (|A| |X| + |B|), and by eps condition |residual| (Wedin 1973);
  // 8 is the safety factor, sqrt(n + d) for sums of n terms whose roundings add up like a random walk.
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  const double terms = std::sqrt(static_cast<double>(reference.spec.n + reference.spec.d));
  const double size =
      reference.a_norm * norm(reference.x) + reference.b_norm + reference.condition * std::sqrt(reference.objective);
  const double moved = norm(product(reference.r, difference(in_float64(a.x), in_float64(b.x))));
  return moved <= 8 * eps * terms * size;  // false if anything is NaN
}

template LeastSquaresQuality LeastSquaresProblem<float>::quality(const Communicator&, const Reference&,
                                                                 const LeastSquaresProblem&, const Solution&);
template LeastSquaresQuality LeastSquaresProblem<double>::quality(const Communicator&, const Reference&,
                                                                  const LeastSquaresProblem&, const Solution&);
template bool LeastSquaresProblem<float>::agrees(const Reference&, const Solution&, const Solution&);
template bool LeastSquaresProblem<double>::agrees(const Reference&, const Solution&, const Solution&);

}  // namespace breakeven::regression
