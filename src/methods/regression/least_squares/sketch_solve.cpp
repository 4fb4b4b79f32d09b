#include "methods/regression/least_squares/sketch_solve.hpp"

#include "base/error.hpp"
#include "base/layout.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/saving.hpp"

namespace breakeven::regression {
namespace {

/// From here on the d rows with the largest leverage fall into different buckets of a count sketch, except with
/// probability d (d - 1) / (2 k) <= failure_share (birthday bound; derived).
double safe_count_rows(Index d) {
  return static_cast<double>(d) * static_cast<double>(d) / (2 * failure_share);
}

}  // namespace

template <class T>
SketchSolveParams SketchSolve<T>::normalised(Params params) {
  if (params.sketch != "osnap") params.nonzeros = unknown_index;
  return params;
}

template <class T>
double SketchSolve<T>::rows_asked(const LeastSquaresSpec& spec, const Params& params) {
  return params.sketch_rows == unknown_index ? rows_for_excess(spec.d, params.tolerance)
                                             : static_cast<double>(params.sketch_rows);
}

template <class T>
void SketchSolve<T>::validate(const LeastSquaresSpec& spec, const Params& params) {
  validate_tolerance(params.tolerance);
  validate_draw(params.draw);
  const double rows = rows_asked(spec, params);
  validate_rows("sketch-rows", spec, rows);
  if (sketch_kind(params.sketch) == SketchKind::osnap) validate_nonzeros(params.nonzeros, rows);
}

template <class T>
Sketch SketchSolve<T>::sketch_of(const LeastSquaresSpec& spec, const Params& params) {
  return make_sketch(sketch_kind(params.sketch), rows_asked(spec, params), params.nonzeros, params.draw);
}

template <class T>
SketchSolve<T>::SketchSolve(const Communicator& comm, const LeastSquaresSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      counts_{sketch_of(spec, params).rows, spec.d},
      triangle_(sketch_of(spec, params), spec.d, spec.rhs) {
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& SketchSolve<T>::run(const LeastSquaresProblem<T>& problem) {
  const std::span<const T> state = triangle_.compute(comm_, problem, spec_.ridge);
  solution_.rows_read = problem.a.rows();
  solution_.x = TriangleQr<T>::rotated_rhs(state, spec_.d, spec_.rhs);
  counts_.pivots_used = solve_known(TriangleQr<T>::r(state, spec_.d), solution_.x);
  return solution_;
}

template <class T>
SketchSolveCounts SketchSolve<T>::expected(const LeastSquaresSpec& spec, const Params& params) {
  return {sketch_of(spec, params).rows, spec.d};
}

template <class T>
Schedule SketchSolve<T>::schedule(const LeastSquaresSpec& spec, const Params& params, const Counts&, int ranks,
                                  int rank) {
  const Sketch sketch = sketch_of(spec, params);
  Schedule schedule;
  SketchedTriangle<T>::add_to(schedule, sketch, block(spec.n, ranks, rank).size(), spec.d, spec.rhs);
  return schedule.resident(SketchedTriangle<T>::bytes(sketch, spec.d, spec.rhs) +
                           spec.d * (spec.d + spec.rhs) * static_cast<Index>(sizeof(T)));
}

template <class T>
Promise SketchSolve<T>::promise() const {
  Promise promise{Promise::Kind::none, "error", std::numeric_limits<double>::quiet_NaN(), ""};
  const double rows = static_cast<double>(counts_.rows_used), needed = rows_for_excess(spec_.d, params_.tolerance);
  if (counts_.pivots_used < spec_.d)
    promise.reason = "the sketch has lost " + std::to_string(spec_.d - counts_.pivots_used) + " of " +
                     std::to_string(spec_.d) + " directions of A";
  else if (sketch_kind(params_.sketch) == SketchKind::count && rows < safe_count_rows(spec_.d))
    promise.reason = "a count sketch needs the order of d^2 rows, " + to_text(Value(safe_count_rows(spec_.d))) +
                     " for all matrices, and has " + std::to_string(counts_.rows_used);
  else if (rows < needed)
    promise.reason = "tolerance " + to_text(Value(params_.tolerance)) + " takes " + to_text(Value(needed)) +
                     " sketch-rows, got " + std::to_string(counts_.rows_used);
  else
    return {Promise::Kind::probable, "error", params_.tolerance, saving_note(rows, static_cast<double>(spec_.n))};
  return promise;
}

template class SketchSolve<float>;
template class SketchSolve<double>;

}  // namespace breakeven::regression
