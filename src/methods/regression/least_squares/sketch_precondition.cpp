#include "methods/regression/least_squares/sketch_precondition.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/layout.hpp"
#include "methods/regression/least_squares/exact.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/saving.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Index default_refinements = 3;
/// Who asks for a looser excess does not ask for a backward error at rounding level.
constexpr double loosest_refined = 1e-8;

template <class T>
double column_norm(const Array<T>& x, Index j) {
  double squares = 0;
  for (Index i = 0; i < x.rows(); ++i) squares += static_cast<double>(x(0, i, j)) * static_cast<double>(x(0, i, j));
  return std::sqrt(squares);
}

template <class T>
double frobenius_norm(const Array<T>& x) {
  double squares = 0;
  for (Index j = 0; j < x.columns(); ++j) squares += std::pow(column_norm(x, j), 2);
  return std::sqrt(squares);
}

double rows_asked(const LeastSquaresSpec& spec, const SketchPreconditionParams& params) {
  if (params.sketch_rows != unknown_index) return static_cast<double>(params.sketch_rows);
  return static_cast<double>(std::max(4 * spec.d, params.nonzeros));  // at d = 1 a block for each nonzero
}

}  // namespace

template <class T>
SketchPreconditionParams SketchPrecondition<T>::normalised(Params params) {
  if (params.refinements == unknown_index)
    params.refinements = params.tolerance <= loosest_refined ? default_refinements : 0;
  return params;
}

template <class T>
void SketchPrecondition<T>::validate(const LeastSquaresSpec& spec, const Params& params) {
  validate_tolerance(params.tolerance);
  validate_draw(params.draw);
  if (params.start != "sketch" && params.start != "zero")
    throw BadRequest("start must be sketch or zero, got " + in_quotes(params.start));
  validate_rows("sketch-rows", spec, rows_asked(spec, params));
  validate_nonzeros(params.nonzeros, rows_asked(spec, params));
  if (params.refinements < 0)
    throw BadRequest("refinements must be at least 0, got " + std::to_string(params.refinements));
  if (params.max_iterations < 1)
    throw BadRequest("max-iterations must be at least 1, got " + std::to_string(params.max_iterations));
}

template <class T>
Sketch SketchPrecondition<T>::sketch_of(const LeastSquaresSpec& spec, const Params& params) {
  return make_sketch(SketchKind::osnap, rows_asked(spec, params), params.nonzeros, params.draw);
}

template <class T>
SketchPrecondition<T>::SketchPrecondition(const Communicator& comm, const LeastSquaresSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      triangle_(sketch_of(spec, params), spec.d, spec.rhs),
      lsqr_(comm, spec),
      shifted_(spec.d, 0),
      z_(1, spec.d, spec.rhs) {
  counts_.rows_used = sketch_of(spec, params).rows;
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& SketchPrecondition<T>::run(const LeastSquaresProblem<T>& problem) {
  const std::span<const T> state = triangle_.compute(comm_, problem, spec_.ridge);
  solution_.rows_read = problem.a.rows();
  r_ = TriangleQr<T>::r(state, spec_.d);
  r_norm_ = frobenius_norm(r_);
  solution_.x = TriangleQr<T>::rotated_rhs(state, spec_.d, spec_.rhs);
  counts_.pivots_used = comm_.all_reduce(solve_known(r_, solution_.x), Reduction::minimum);
  counts_.iterations = counts_.refinements_used = 0;
  counts_.converged = false;
  if (counts_.pivots_used < spec_.d) return solution_;

  if (params_.start == "zero") std::fill(solution_.x.span().begin(), solution_.x.span().end(), T(0));
  find_residual(problem);
  const double share = std::sqrt(params_.tolerance / (1 + params_.tolerance)) / (1 + distortion());
  Target target{share, 0, floors(), params_.max_iterations};
  improve(problem, target);
  backward_error_ = std::numeric_limits<double>::infinity();
  for (;;) {
    find_residual(problem);
    const Verdict verdict = judge();
    counts_.converged = verdict.accurate;
    if (verdict.settled || counts_.refinements_used == params_.refinements) return solution_;
    // One start gains at most a factor of about condition times u; more than 1 / sqrt(u) is rarely to be had.
    target = {0, std::sqrt(unit_roundoff<T>), floors(), params_.max_iterations};
    improve(problem, target);
    ++counts_.refinements_used;
  }
}

template <class T>
void SketchPrecondition<T>::find_residual(const LeastSquaresProblem<T>& problem) {
  lsqr_.residual(problem, solution_.x);
  solution_.rows_read += problem.a.rows();
}

template <class T>
void SketchPrecondition<T>::improve(const LeastSquaresProblem<T>& problem, const Target& target) {
  const Index iterations = lsqr_.improve(problem, r_, target, solution_.x);
  counts_.iterations += iterations;
  solution_.rows_read += iterations * problem.a.rows();
}

/// eps of the subspace embedding: singular values of A R^-1 lie in [1 / (1 + eps), 1 / (1 - eps)].
template <class T>
double SketchPrecondition<T>::distortion() const {
  return std::sqrt(static_cast<double>(spec_.d) / static_cast<double>(counts_.rows_used));
}

/// |R^-T A'r| from which the backward error is surely below u / 4: it is at most that over |R| |x|, or over |r|.
template <class T>
std::vector<double> SketchPrecondition<T>::floors() const {
  std::vector<double> floors;
  for (Index j = 0; j < spec_.rhs; ++j)
    floors.push_back(
        0.25 * unit_roundoff<T> *
        std::max(r_norm_ * column_norm(solution_.x, j), std::sqrt(lsqr_.squares()[static_cast<std::size_t>(j)])));
  return floors;
}

/// Upper estimate of objective / smallest objective - 1, rounding of the estimate itself included.
template <class T>
double SketchPrecondition<T>::excess() const {
  double above = 0, objective = 0;
  for (Index j = 0; j < spec_.rhs; ++j) {
    const double rounding = unit_roundoff<T> * r_norm_ * column_norm(solution_.x, j);
    above += std::pow((1 + distortion()) * (column_norm(z_, j) + rounding), 2);
    objective += lsqr_.squares()[static_cast<std::size_t>(j)];
  }
  if (above == 0) return 0;  // X = 0 is the answer, and the objective may be 0
  return objective > above ? above / (objective - above) : std::numeric_limits<double>::infinity();
}

/// Estimate of the normwise backward error of the worst right side (Karlson and Walden 1997), with R for A:
///   |(|x|^2 R'R + |r|^2 I)^(-1/2) A'r| / |R|_F,  the matrix factored as the triangle of [R; |r| / |x| I].
/// One factor serves all right sides, with the smallest |r| / |x|: an upper bound for the others.
template <class T>
double SketchPrecondition<T>::backward_error() {
  double ratio = std::numeric_limits<double>::infinity();
  for (Index j = 0; j < spec_.rhs; ++j) {
    const double x = column_norm(solution_.x, j), r = std::sqrt(lsqr_.squares()[static_cast<std::size_t>(j)]);
    if (x > 0) ratio = std::min(ratio, r / x);
  }
  if (!std::isfinite(ratio)) return 0;  // X = 0
  shifted_.start(static_cast<T>(ratio * ratio));
  shifted_.absorb(r_.data(), nullptr, spec_.d);
  Array<T> scaled = lsqr_.gradient();
  solve_upper_transposed(TriangleQr<T>::r(shifted_.packed(), spec_.d), scaled);
  double worst = 0;
  for (Index j = 0; j < spec_.rhs; ++j) {
    const double x = column_norm(solution_.x, j);
    if (x > 0) worst = std::max(worst, column_norm(scaled, j) / (x * r_norm_));
  }
  return worst;
}

/// What the residual says of the answer; equal on all ranks. Collective, one all_reduce of two flags.
template <class T>
typename SketchPrecondition<T>::Verdict SketchPrecondition<T>::judge() {
  z_ = lsqr_.gradient();
  solve_upper_transposed(r_, z_);
  const std::vector<double> floor = floors();
  Verdict verdict{excess() <= params_.tolerance, true};
  for (Index j = 0; j < spec_.rhs; ++j)
    verdict.settled = verdict.settled && column_norm(z_, j) <= 4 * floor[static_cast<std::size_t>(j)];
  if (!verdict.settled && params_.refinements > 0) {
    const double error = backward_error();
    // At the level of rounding, or no nearer to it than before.
    verdict.settled = error <= 4 * unit_roundoff<T> || error > 0.25 * backward_error_;
    backward_error_ = error;
  }
  std::array<Index, 2> flags{verdict.accurate ? 1 : 0, verdict.settled ? 1 : 0};
  comm_.all_reduce(std::span<Index>(flags), Reduction::minimum);
  return {flags[0] == 1, flags[1] == 1};
}

template <class T>
SketchPreconditionCounts SketchPrecondition<T>::expected(const LeastSquaresSpec& spec, const Params& params) {
  Counts counts;
  counts.rows_used = sketch_of(spec, params).rows;
  counts.pivots_used = spec.d;
  counts.converged = true;
  const double rate = 0.5 * std::log2(static_cast<double>(counts.rows_used) / static_cast<double>(spec.d));  // bits
  const auto iterations = [&](double reduction) {  // and the one in which all ranks hear that they are done
    return static_cast<Index>(std::ceil(std::log2(2 / reduction) / std::max(rate, 0.1))) + 1;
  };
  counts.iterations = std::min(params.max_iterations, iterations(std::sqrt(params.tolerance)));
  if (params.refinements > 0) {
    counts.refinements_used = 1;
    counts.iterations += std::min(params.max_iterations, iterations(std::sqrt(unit_roundoff<T>)));
  }
  return counts;
}

template <class T>
Schedule SketchPrecondition<T>::schedule(const LeastSquaresSpec& spec, const Params& params, const Counts& counts,
                                         int ranks, int rank) {
  using Lsqr = PreconditionedLsqr<T>;
  const Sketch sketch = sketch_of(spec, params);
  const Index rows = block(spec.n, ranks, rank).size(), word = static_cast<Index>(sizeof(T)), d = spec.d;
  const auto matrix = static_cast<double>(rows * d * word), sides = static_cast<double>(rows * spec.rhs * word);
  const double solves = 2.0 * static_cast<double>(d) * static_cast<double>(d) * static_cast<double>(spec.rhs);

  Schedule schedule;
  SketchedTriangle<T>::add_to(schedule, sketch, rows, d, spec.rhs);
  schedule.communicate(Operation::all_reduce, static_cast<Index>(sizeof(Index)));  // pivots
  if (counts.pivots_used == d) {
    const auto residual = [&] {
      schedule.compute(Lsqr::pass_flops(spec, rows) + solves, matrix + 2 * sides);
      schedule.communicate(Operation::all_reduce, Lsqr::residual_bytes(spec));
    };
    residual();
    for (Index iteration = 0; iteration < counts.iterations; ++iteration) {
      schedule.compute(Lsqr::pass_flops(spec, rows) + solves, matrix + 2 * sides);
      schedule.communicate(Operation::all_reduce, Lsqr::iteration_bytes(spec));
    }
    for (Index start = 0; start <= counts.refinements_used; ++start) {
      residual();
      schedule.communicate(Operation::all_reduce, 2 * static_cast<Index>(sizeof(Index)));
    }
  }
  return schedule.resident(SketchedTriangle<T>::bytes(sketch, d, spec.rhs) + Lsqr::bytes(spec, rows) +
                           TriangleQr<T>::bytes(d, 0) + word * (2 * d * d + 2 * d * spec.rhs));
}

template <class T>
Promise SketchPrecondition<T>::promise() const {
  if (counts_.converged)
    return {Promise::Kind::probable, "error", params_.tolerance,
            saving_note(static_cast<double>(counts_.rows_used), static_cast<double>(spec_.n))};
  Promise promise{Promise::Kind::none, "error", std::numeric_limits<double>::quiet_NaN(), ""};
  if (counts_.pivots_used < spec_.d)
    promise.reason = "the sketch has lost " + std::to_string(spec_.d - counts_.pivots_used) + " of " +
                     std::to_string(spec_.d) + " directions of A: no preconditioner";
  else
    promise.reason = "tolerance " + to_text(Value(params_.tolerance)) + " is not reached after " +
                     std::to_string(counts_.iterations) +
                     " iterations: at rounding level of the data, or more max-iterations or sketch-rows are needed";
  return promise;
}

template class SketchPrecondition<float>;
template class SketchPrecondition<double>;

}  // namespace breakeven::regression
