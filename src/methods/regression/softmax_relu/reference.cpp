#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "methods/regression/softmax_relu/plain_model.hpp"
#include "methods/regression/softmax_relu/problem.hpp"
#include "numerics/small_dense.hpp"

// The oracle of regression/softmax_relu: Newton's method in float64 from the Source, on the values the methods were
// given, each rank its share of the softmax index. The Hessian is kept as long as a step with it divides the gradient
// by 10: n d^2 is paid a few times, not once a step.
namespace breakeven::regression {
namespace {

constexpr double target_reduction = 1e-13;
constexpr int most_steps = 300;
constexpr Index rows_at_once = 1024;

double norm(const std::vector<double>& v) {
  double squares = 0;
  for (const double entry : v) squares += entry * entry;
  return std::sqrt(squares);
}

double quadratic(const Array<double>& h, const std::vector<double>& v) {
  double sum = 0;
  for (Index k = 0; k < h.rows(); ++k)
    for (Index l = 0; l < h.columns(); ++l)
      sum += v[static_cast<std::size_t>(k)] * h(0, k, l) * v[static_cast<std::size_t>(l)];
  return sum;
}

template <class T>
Array<double> read(const Source<T>& source, std::string_view name, Range range) {
  Array<double> all(1, range.size(), source.columns(name));
  for (Index begin = range.begin; begin < range.end; begin += rows_at_once) {
    const Array<T> part = source.rows(name, 0, {begin, std::min(begin + rows_at_once, range.end)});
    std::copy(part.span().begin(), part.span().end(), all.row(0, begin - range.begin));
  }
  return all;
}

std::vector<double> column(const Array<double>& array) {
  return {array.span().begin(), array.span().end()};
}

template <class T>
Array<double> dense(const RowMatrix<T>& matrix) {
  Array<T> rows(1, matrix.rows(), matrix.columns());
  matrix.copy_rows({0, matrix.rows()}, rows.data());
  Array<double> all(1, matrix.rows(), matrix.columns());
  std::copy(rows.span().begin(), rows.span().end(), all.data());
  return all;
}

/// R of the Hessian, or of the Hessian plus as many times A1'W^2A1 as makes it positive definite; empty if nothing
/// does.
std::optional<Array<double>> factor(const Array<double>& hessian, const Array<double>& weight_gram) {
  for (double shift = 0; shift < 1e6; shift = shift == 0 ? 0.25 : 4 * shift) {
    Array<double> shifted = hessian;
    for (Index i = 0; i < shifted.size(); ++i) shifted.data()[i] += shift * weight_gram.data()[i];
    if (auto r = cholesky(shifted)) return r;
  }
  return std::nullopt;
}

std::vector<double> solve(const Array<double>& r, const std::vector<double>& g) {
  Array<double> x(1, r.columns(), 1);
  std::copy(g.begin(), g.end(), x.data());
  solve_upper_transposed(r, x);
  solve_upper(r, x);
  return column(x);
}

/// Newton's method with Armijo's rule from x, in place; x ends where the gradient was smallest. Collective.
double minimise(PlainModel& model, Index n, const Array<double>& weight_gram, std::vector<double>& x) {
  double loss = model.loss(x), rate = 1;
  std::vector<double> g = model.gradient(), best = x;
  const double start = norm(g);
  double size = start, smallest = start;
  std::optional<Array<double>> r;
  for (int step = 0, idle = 0; step < most_steps && smallest > target_reduction * start && idle < 3; ++step) {
    if (!r || rate > 0.1) r = factor(model.hessian(), weight_gram);
    if (!r) break;
    const std::vector<double> p = solve(*r, g);
    double slope = 0, length = 1, trial_loss = 0;
    for (std::size_t i = 0; i < p.size(); ++i) slope -= g[i] * p[i];
    std::vector<double> trial = x;
    const double rounding = model.loss_rounding(loss, n);
    int halving = 0;
    for (; halving < 50; ++halving, length /= 2) {
      for (std::size_t i = 0; i < p.size(); ++i) trial[i] = x[i] - length * p[i];
      trial_loss = model.loss(trial);
      if (trial_loss <= loss + 1e-4 * length * slope + rounding) break;
    }
    if (!(trial_loss <= loss + rounding)) break;  // a kink, or the limit of rounding
    x = trial;
    loss = trial_loss;
    g = model.gradient();
    rate = norm(g) / size;
    size = norm(g);
    idle = size < smallest ? 0 : idle + (size < 1e-9 * start ? 1 : 0);
    if (size < smallest) smallest = size, best = x;
    if (halving >= 10 && model.kink() < 1e-8) break;  // on a kink the loss falls along ever shorter steps only
  }
  x = best;
  return smallest / start;
}

/// |H(y) - H(x)| / |y - x| for y between x and x0, halfway or nearer, so that the same ReLUs are active; NaN if no such
/// y is apart from x. Leaves the model at x. Collective.
double lipschitz_ratio(PlainModel& model, const std::vector<double>& x, const std::vector<double>& x0,
                       const Array<double>& hessian) {
  double ratio = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> u = model.u;
  std::vector<double> y = x0;
  for (int halving = 0; halving < 20; ++halving) {  // further, rounding of the Hessians would show in their difference
    double squares = 0;
    for (std::size_t k = 0; k < x.size(); ++k) y[k] = (x[k] + y[k]) / 2, squares += std::pow(y[k] - x[k], 2);
    model.loss(y);
    if (!std::equal(u.begin(), u.end(), model.u.begin(), [](double a, double b) { return (a > 0) == (b > 0); }))
      continue;
    if (squares == 0) break;
    Array<double> change = model.hessian();
    for (Index i = 0; i < change.size(); ++i) change.data()[i] -= hessian.data()[i];
    const std::vector<double> values = symmetric_eigenvalues(change);
    ratio = std::max(-values.front(), values.back()) / std::sqrt(squares);
    break;
  }
  model.loss(x);
  return ratio;
}

}  // namespace

template <class T>
SoftmaxReluReference SoftmaxReluProblem<T>::reference(const Communicator& comm, const Spec& spec,
                                                      const Source<T>& source, std::uint64_t) {
  const Range mine = block(spec.n, comm.size(), comm.rank());
  PlainModel model{comm,
                   read(source, "a1", mine),
                   read(source, "a2", mine),
                   column(read(source, "w", mine)),
                   column(read(source, "b", {0, spec.m})),
                   {},
                   {},
                   {},
                   {}};
  SoftmaxReluReference reference;
  reference.spec = spec;
  reference.x0 = softmax_relu_start(spec);
  for (double& entry : reference.x0) entry = static_cast<double>(static_cast<T>(entry));
  reference.x = reference.x0;
  model.loss(reference.x0);
  reference.gradient_start = norm(model.gradient());
  const Array<double> weight_gram = model.weight_gram();
  reference.gradient_reduction = minimise(model, spec.n, weight_gram, reference.x);
  reference.loss = model.loss(reference.x);
  reference.h = model.hessian();
  reference.lambda_min = symmetric_eigenvalues(reference.h).front();
  reference.weight_condition = model.weight_condition();
  reference.lipschitz_ratio = lipschitz_ratio(model, reference.x, reference.x0, reference.h);
  reference.lipschitz_bound = model.lipschitz_bound();
  reference.zero_weights = comm.all_reduce(static_cast<Index>(std::count(model.w.begin(), model.w.end(), 0.0)));
  if (const auto r = cholesky(weight_gram)) {
    // |R^-T (H - A1'W^2A1) R^-1|: B against W^2 on the range of A1.
    Array<double> curvature = reference.h;
    for (Index i = 0; i < curvature.size(); ++i) curvature.data()[i] -= weight_gram.data()[i];
    solve_upper_transposed(*r, curvature);
    Array<double> transposed(1, spec.d, spec.d);
    for (Index k = 0; k < spec.d; ++k)
      for (Index l = 0; l < spec.d; ++l) transposed(0, k, l) = curvature(0, l, k);
    solve_upper_transposed(*r, transposed);
    const std::vector<double> values = symmetric_eigenvalues(transposed);
    reference.dominance = 1 / std::max(std::abs(values.front()), std::abs(values.back()));
  }
  if (!(reference.lambda_min > 0)) reference.h = weight_gram;
  return reference;
}

template <class T>
SoftmaxReluQuality SoftmaxReluProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                  const SoftmaxReluProblem& problem, const Solution& solution) {
  PlainModel model{comm,
                   dense(problem.a1),
                   dense(problem.a2),
                   {problem.w.begin(), problem.w.end()},
                   {problem.b.begin(), problem.b.end()},
                   {},
                   {},
                   {},
                   {}};
  const std::vector<double> x(solution.x.span().begin(), solution.x.span().end());
  std::vector<double> difference = x;
  for (std::size_t i = 0; i < x.size(); ++i) difference[i] -= reference.x[i];
  SoftmaxReluQuality quality;
  quality.error = std::sqrt(quadratic(reference.h, difference) / quadratic(reference.h, reference.x));
  quality.loss = model.loss(x);
  quality.loss_excess = quality.loss / reference.loss - 1;
  quality.gradient_norm = norm(model.gradient());
  quality.gradient_reduction = quality.gradient_norm / reference.gradient_start;
  quality.kink = model.kink();
  quality.min_u = model.min_u();
  quality.lambda_min = symmetric_eigenvalues(model.hessian()).front();
  quality.weight_condition = reference.weight_condition;
  quality.lipschitz_ratio = reference.lipschitz_ratio;
  quality.lipschitz_bound = reference.lipschitz_bound;
  quality.dominance_measured = reference.dominance;
  quality.reference_reduction = reference.gradient_reduction;
  return quality;
}

template <class T>
bool SoftmaxReluProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  if (a.x.size() != b.x.size()) return false;
  const auto distance = [&](const auto& left, const auto& right) {
    std::vector<double> difference(reference.x.size());
    for (std::size_t i = 0; i < difference.size(); ++i)
      difference[i] = static_cast<double>(left[i]) - static_cast<double>(right[i]);
    return std::sqrt(quadratic(reference.h, difference));
  };
  // Sums of n terms in two orders differ by n roundings at most, 4 for those of softmax and products; an iteration more
  // or less, where a test is met within rounding, shows in the better answer's own error.
  const double scale = std::sqrt(std::max(quadratic(reference.h, reference.x), quadratic(reference.h, reference.x0)));
  const double rounding =
      4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(reference.spec.n) * scale;
  const double better = std::min(distance(a.x.span(), reference.x), distance(b.x.span(), reference.x));
  return distance(a.x.span(), b.x.span()) <= rounding + 2 * better;
}

#define BREAKEVEN_SOFTMAX_RELU(T)                                                                                    \
  template SoftmaxReluReference SoftmaxReluProblem<T>::reference(const Communicator&, const Spec&, const Source<T>&, \
                                                                 std::uint64_t);                                     \
  template SoftmaxReluQuality SoftmaxReluProblem<T>::quality(const Communicator&, const Reference&,                  \
                                                             const SoftmaxReluProblem&, const Solution&);            \
  template bool SoftmaxReluProblem<T>::agrees(const Reference&, const Solution&, const Solution&)
BREAKEVEN_SOFTMAX_RELU(float);
BREAKEVEN_SOFTMAX_RELU(double);
#undef BREAKEVEN_SOFTMAX_RELU

}  // namespace breakeven::regression
