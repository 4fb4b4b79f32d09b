#include "methods/regression/least_squares/cholesky_qr2.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Index rows_at_once = 512;

/// |gram - I|_F.
template <class T>
double distance_to_identity(const Array<T>& gram) {
  double squares = 0;
  for (Index i = 0; i < gram.rows(); ++i)
    for (Index j = 0; j < gram.columns(); ++j) {
      const double entry = static_cast<double>(gram(0, i, j)) - (i == j ? 1 : 0);
      squares += entry * entry;
    }
  return std::sqrt(squares);
}

}  // namespace

template <class T>
CholeskyQr2<T>::CholeskyQr2(const Communicator& comm, const LeastSquaresSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      first_(comm, spec),
      second_(spec.d, spec.rhs),
      tree_(comm, spec),
      q_rows_(static_cast<std::size_t>(rows_at_once * spec.d)),
      no_rhs_(1, spec.d, spec.rhs) {
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& CholeskyQr2<T>::run(const LeastSquaresProblem<T>& problem) {
  reason_.clear();
  counts_ = {1, false};
  solution_.rows_read = problem.a.rows();
  if (!first_.factor(problem)) return fall_back(problem, "A'A is not positive definite to working precision");

  const std::span<T> packed = second_pass(problem);
  counts_.passes = 2;
  const Array<T> gram = Gram<T>::matrix(packed, spec_.d);
  const double distance = distance_to_identity(gram);
  const std::optional<Array<T>> r2 = cholesky(gram);
  if (!r2 || !(distance <= 0.5))
    return fall_back(problem, "the first pass is not orthogonal enough: |Q'Q - I| = " + to_text(Value(distance)));

  require_full_rank(product(*r2, first_.r()), spec_, name);
  Array<T>& x = solution_.x;
  x = Gram<T>::rhs(packed, spec_.d, spec_.rhs);
  solve_upper_transposed(*r2, x);  // Q2'B
  solve_upper(*r2, x);
  solve_upper(first_.r(), x);
  return solution_;
}

template <class T>
std::span<T> CholeskyQr2<T>::second_pass(const LeastSquaresProblem<T>& problem) {
  second_.start();
  for (Index begin = 0; begin < problem.a.rows(); begin += rows_at_once) {
    const Index rows = std::min(rows_at_once, problem.a.rows() - begin);
    std::copy_n(problem.a.row(0, begin), rows * spec_.d, q_rows_.data());
    solve_upper_from_right(first_.r(), q_rows_.data(), rows);
    second_.absorb(q_rows_.data(), problem.b.row(0, begin), rows);
    solution_.rows_read += rows;
  }
  if (comm_.is_root() && spec_.ridge > 0) {  // local: nothing travels here
    Array<T> ridge(1, spec_.d, spec_.d);
    for (Index i = 0; i < spec_.d; ++i) ridge(0, i, i) = static_cast<T>(std::sqrt(spec_.ridge));
    solve_upper_from_right(first_.r(), ridge.data(), spec_.d);
    second_.absorb(ridge.data(), no_rhs_.data(), spec_.d);
  }
  const std::span<T> packed = second_.packed();
  comm_.all_reduce(packed);
  return packed;
}

template <class T>
const LeastSquaresSolution<T>& CholeskyQr2<T>::fall_back(const LeastSquaresProblem<T>& problem,
                                                         const std::string& why) {
  counts_.fell_back = true;
  reason_ = "fell back to tsqr: " + why;
  tree_.solve(problem, name, solution_.x);
  solution_.rows_read += problem.a.rows();
  return solution_;
}

template <class T>
CholeskyQr2Counts CholeskyQr2<T>::expected(const LeastSquaresSpec& spec, const Params&) {
  const bool too_hard = spec.data == "graded" && spec.condition * spec.condition * unit_roundoff<T> > 1;
  return {too_hard ? 1 : 2, too_hard};
}

template <class T>
Schedule CholeskyQr2<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts& counts, int ranks,
                                  int rank) {
  const auto rows = static_cast<double>(block(spec.n, ranks, rank).size()), d = static_cast<double>(spec.d);
  Schedule schedule;
  GramSolver<T>::schedule(schedule, spec, ranks, rank);
  if (counts.passes == 2) {
    schedule.compute(rows * d * d, 0);  // Q1, block by block
    GramSolver<T>::schedule(schedule, spec, ranks, rank);
  }
  if (counts.fell_back) TreeQr<T>::schedule(schedule, spec, ranks, rank);
  const Index words = rows_at_once * spec.d + spec.d * spec.d + 2 * spec.d * spec.rhs;
  return schedule.resident(GramSolver<T>::bytes(spec) + Gram<T>::bytes(spec.d, spec.rhs) + TreeQr<T>::bytes(spec) +
                           words * static_cast<Index>(sizeof(T)));
}

template class CholeskyQr2<float>;
template class CholeskyQr2<double>;

}  // namespace breakeven::regression
