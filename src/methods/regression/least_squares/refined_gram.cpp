#include "methods/regression/least_squares/refined_gram.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Index most_refinements = 4;
constexpr double slowest_ratio = 0.02;  // of two corrections; one that gains less than 50 is not worth its pass

/// |column j| of a d x rhs matrix.
template <class T>
double column_norm(const Array<T>& matrix, Index j) {
  double squares = 0;
  for (Index c = 0; c < matrix.rows(); ++c) {
    const auto entry = static_cast<double>(matrix(0, c, j));
    squares += entry * entry;
  }
  return std::sqrt(squares);
}

/// 0 / 0 is 0: nothing to correct.
double quotient(double value, double scale) {
  return value == 0 ? 0 : value / scale;
}

}  // namespace

template <class T>
RefinedGram<T>::RefinedGram(const Communicator& comm, const LeastSquaresSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      gram_(comm, spec),
      tree_(comm, spec),
      sums_(static_cast<std::size_t>((spec.d + 1) * spec.rhs)),
      squares_(static_cast<std::size_t>(spec.rhs)),
      step_(1, spec.d, spec.rhs),
      eta_(squares_.size()),
      steps_(squares_.size()),
      before_(squares_.size()) {
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& RefinedGram<T>::run(const LeastSquaresProblem<T>& problem) {
  reason_.clear();
  counts_ = {};
  std::string why = "A'A is not positive definite to working precision";
  solution_.rows_read = problem.a.rows();
  if (gram_.factor(problem)) {
    solution_.x = gram_.rhs();
    gram_.solve(solution_.x);
    why = refine(problem);
  }
  if (why.empty()) return solution_;
  counts_.fell_back = true;
  reason_ = "fell back to tsqr: " + why;
  tree_.solve(problem, name, solution_.x);
  solution_.rows_read += problem.a.rows();
  return solution_;
}

template <class T>
std::string RefinedGram<T>::refine(const LeastSquaresProblem<T>& problem) {
  const double u = unit_roundoff<T>;
  const double condition = 1 / static_cast<double>(reciprocal_condition(gram_.r()));
  if (!(condition * std::sqrt(u) <= 1))
    return "condition estimate " + to_text(Value(condition)) + " exceeds 1 / sqrt(u)";
  while (counts_.refinements < most_refinements) {
    std::swap(before_, steps_);
    correct(problem);
    ++counts_.refinements;
    bool converged = true;
    double worst_ratio = 0;  // of the columns that have not converged
    for (std::size_t j = 0; j < eta_.size(); ++j) {
      const double ratio = counts_.refinements == 1 ? u * condition * condition : quotient(steps_[j], before_[j]);
      if (eta_[j] <= 4 * u || eta_[j] * ratio <= 4 * u) continue;
      converged = false;
      if (!(ratio <= worst_ratio)) worst_ratio = ratio;  // a NaN is no convergence
    }
    if (converged) return "";
    if (counts_.refinements > 1 && !(worst_ratio <= slowest_ratio))
      return "a correction leaves " + to_text(Value(worst_ratio)) + " of the one before";
  }
  return std::to_string(most_refinements) + " corrections were not enough";
}

template <class T>
void RefinedGram<T>::correct(const LeastSquaresProblem<T>& problem) {
  const Index d = spec_.d, rhs = spec_.rhs;
  std::fill(sums_.begin(), sums_.end(), T(0));
  std::fill(squares_.begin(), squares_.end(), 0.0);
  residual_pass(problem.a.data(), problem.a.rows(), d, problem.b.data(), rhs, solution_.x.data(), sums_.data(),
                squares_.data());
  solution_.rows_read += problem.a.rows();
  std::transform(squares_.begin(), squares_.end(), sums_.begin() + d * rhs, [](double s) { return static_cast<T>(s); });
  comm_.all_reduce(std::span<T>(sums_));

  for (Index i = 0; i < d * rhs; ++i)
    step_.data()[i] = sums_[static_cast<std::size_t>(i)] - static_cast<T>(spec_.ridge) * solution_.x.data()[i];
  for (Index j = 0; j < rhs; ++j) {
    const double x_norm = column_norm(solution_.x, j);
    const double r_squares = static_cast<double>(sums_[static_cast<std::size_t>(d * rhs + j)]);
    const double r_norm = std::sqrt(r_squares + spec_.ridge * x_norm * x_norm);
    eta_[static_cast<std::size_t>(j)] = quotient(column_norm(step_, j), r_norm * gram_.a_norm());
  }
  solve_upper_transposed(gram_.r(), step_);
  for (std::size_t j = 0; j < eta_.size(); ++j) {
    const auto column = static_cast<Index>(j);
    steps_[j] = column_norm(step_, column);
    eta_[j] = std::min(eta_[j], quotient(steps_[j], column_norm(solution_.x, column) * gram_.a_norm()));
  }
  solve_upper(gram_.r(), step_);
  for (Index i = 0; i < d * rhs; ++i) solution_.x.data()[i] += step_.data()[i];
}

template <class T>
RefinedGramCounts RefinedGram<T>::expected(const LeastSquaresSpec& spec, const Params&) {
  const double lost = spec.data == "graded" ? spec.condition * spec.condition * unit_roundoff<T> : 0;
  if (lost > slowest_ratio) return {lost > 1 ? 0 : 2, true};
  return {lost > 1e-4 ? 2 : 1, false};
}

template <class T>
Schedule RefinedGram<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts& counts, int ranks,
                                  int rank) {
  const auto rows = static_cast<double>(block(spec.n, ranks, rank).size());
  const auto d = static_cast<double>(spec.d), rhs = static_cast<double>(spec.rhs);
  const Index words = (spec.d + 1) * spec.rhs;
  Schedule schedule;
  GramSolver<T>::schedule(schedule, spec, ranks, rank);
  for (Index pass = 0; pass < counts.refinements; ++pass) {
    schedule.compute(4 * rows * d * rhs, row_bytes<T>(spec, ranks, rank));
    schedule.communicate(Operation::all_reduce, words * static_cast<Index>(sizeof(T)));
    schedule.compute(2 * d * d * rhs, 0);
  }
  if (counts.fell_back) TreeQr<T>::schedule(schedule, spec, ranks, rank);
  return schedule.resident(GramSolver<T>::bytes(spec) + TreeQr<T>::bytes(spec) +
                           (2 * words + spec.d * spec.rhs) * static_cast<Index>(sizeof(T)));
}

template class RefinedGram<float>;
template class RefinedGram<double>;

}  // namespace breakeven::regression
