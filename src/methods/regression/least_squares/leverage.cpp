#include "methods/regression/least_squares/leverage.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/layout.hpp"
#include "base/philox.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/saving.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream direction_stream{310};
constexpr Index sketch_nonzeros = 8;
constexpr Index fewest_sketch_rows = 64;

bool is_uniform(const LeverageParams& params) {
  return params.sampling == "uniform";
}

/// Errors in the scores cost no more than rows, so the sketch that they come from may be small.
Sketch sketch_of(const LeastSquaresSpec& spec, const LeverageParams& params) {
  const Index rows = std::max<Index>(4 * spec.d, fewest_sketch_rows);
  return make_sketch(SketchKind::osnap, static_cast<double>(rows), sketch_nonzeros, params.draw);
}

/// k as for a sketch, times E[1/score] E[score] of estimated scores: 16/14 for 16 directions, since the score is
/// chi-squared with 16 degrees, and 1.05 for the sketch, whose k - d + 1 degrees are 49 or more (m / (m - 2), m = 49).
double rows_needed(const LeastSquaresSpec& spec, const LeverageParams& params) {
  return std::ceil(16.0 / 14 * 1.05 * rows_for_excess(spec.d, params.tolerance));
}

double rows_asked(const LeastSquaresSpec& spec, const LeverageParams& params) {
  return params.sample_rows == unknown_index ? rows_needed(spec, params) : static_cast<double>(params.sample_rows);
}

Index columns_of(const LeastSquaresSpec& spec, const LeverageParams& params) {
  return params.directions == 0 ? spec.d : params.directions;
}

}  // namespace

template <class T>
Array<T> score_directions(const Array<T>& r, Index directions, Index draw) {
  const Index d = r.columns();
  Array<T> z(1, d, directions == 0 ? d : directions);
  const Philox random(static_cast<std::uint64_t>(draw), direction_stream);
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < z.columns(); ++j)
      z(0, i, j) = directions == 0 ? static_cast<T>(i == j ? 1 : 0)
                                   : static_cast<T>(random.normal(i, j) / std::sqrt(static_cast<double>(directions)));
  solve_known(r, z);
  return z;
}

template <class T>
LeverageParams Leverage<T>::normalised(Params params) {
  if (is_uniform(params)) params.directions = unknown_index;
  return params;
}

template <class T>
void Leverage<T>::validate(const LeastSquaresSpec& spec, const Params& params) {
  validate_tolerance(params.tolerance);
  validate_draw(params.draw);
  validate_rows("sample-rows", spec, rows_asked(spec, params));
  if (params.sampling != "leverage" && !is_uniform(params))
    throw BadRequest("sampling must be leverage or uniform, got " + in_quotes(params.sampling));
  constexpr Index most_directions = 1024;  // d is enough for any use; this keeps d x directions countable
  if (!is_uniform(params) && (params.directions < 0 || params.directions > most_directions))
    throw BadRequest("directions must lie between 0 and " + std::to_string(most_directions) + ", got " +
                     std::to_string(params.directions));
}

template <class T>
Leverage<T>::Leverage(const Communicator& comm, const LeastSquaresSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      scores_(static_cast<std::size_t>(block(spec.n, comm.size(), comm.rank()).size())),
      sample_(comm, spec) {
  if (!is_uniform(params)) triangle_.emplace(sketch_of(spec, params), spec.d, 0);
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& Leverage<T>::run(const LeastSquaresProblem<T>& problem) {
  solution_.rows_read = 0;
  score(problem);
  const std::span<const T> scores(scores_);
  const SamplingRate found = sampling_rate(comm_, scores, rows_asked(spec_, params_));
  const std::span<const T> state =
      sample_.solve(problem, scores, {found.rate, static_cast<std::uint64_t>(params_.draw)});
  solution_.rows_read += static_cast<Index>(sample_.kept().size());
  solution_.x = TriangleQr<T>::rotated_rhs(state, spec_.d, spec_.rhs);
  counts_.pivots_used = solve_known(TriangleQr<T>::r(state, spec_.d), solution_.x);
  counts_.rows_kept = sample_.kept_on_all_ranks();
  counts_.rebalanced = sample_.rebalanced();
  counts_.rounds = found.rounds;
  counts_.rows_scored = is_uniform(params_) ? 0 : found.rows_scored;
  counts_.score_sum = is_uniform(params_) ? std::numeric_limits<double>::quiet_NaN() : found.score_sum;
  return solution_;
}

/// Scores of this rank's rows; all equal if uniform.
template <class T>
void Leverage<T>::score(const LeastSquaresProblem<T>& problem) {
  if (is_uniform(params_)) {
    std::fill(scores_.begin(), scores_.end(), T(1));
    return;
  }
  const std::span<const T> state = triangle_->compute(comm_, problem, spec_.ridge);
  directions_ = score_directions(TriangleQr<T>::r(state, spec_.d), params_.directions, params_.draw);
  squared_row_norms(problem.a.data(), problem.a.rows(), spec_.d, directions_.data(), directions_.columns(),
                    scores_.data());
  solution_.rows_read += 2 * problem.a.rows();
}

template <class T>
LeverageCounts Leverage<T>::expected(const LeastSquaresSpec& spec, const Params& params) {
  Counts counts;
  counts.rows_kept = static_cast<Index>(std::min(rows_asked(spec, params), static_cast<double>(spec.n)));
  counts.pivots_used = spec.d;
  counts.rounds = counts.rows_kept == spec.n ? 0 : 1;
  if (is_uniform(params)) return counts;
  counts.rounds *= 3;
  counts.rows_scored = spec.n;
  counts.score_sum = static_cast<double>(spec.d);
  return counts;
}

template <class T>
Schedule Leverage<T>::schedule(const LeastSquaresSpec& spec, const Params& params, const Counts& counts, int ranks,
                               int rank) {
  const Index rows = block(spec.n, ranks, rank).size(), word = static_cast<Index>(sizeof(T)), d = spec.d;
  const auto as_double = [](Index value) { return static_cast<double>(value); };
  Schedule schedule;
  Index resident =
      SampleQr<T>::bytes(spec, counts.rebalanced ? counts.rows_kept : 0) + rows * word + d * (d + spec.rhs) * word;
  if (!is_uniform(params)) {
    const Sketch sketch = sketch_of(spec, params);
    const Index columns = columns_of(spec, params);
    SketchedTriangle<T>::add_to(schedule, sketch, rows, d, 0);
    schedule.compute(2 * as_double(rows * d) * as_double(columns) + as_double(d * d * columns),
                     as_double(rows * (d + 1) * word));
    resident += SketchedTriangle<T>::bytes(sketch, d, 0) + d * columns * word;
  }
  for (Index round = 0; round <= counts.rounds; ++round) {
    schedule.compute(2 * as_double(rows), as_double(rows * word));
    schedule.communicate(Operation::all_reduce, 2 * static_cast<Index>(sizeof(double)));
  }
  schedule.communicate(Operation::all_gather, static_cast<Index>(sizeof(Index)));  // rows kept
  if (counts.rebalanced) schedule.varying(Operation::all_gather);
  const Index kept = counts.rows_kept / ranks;  // as if heavy rows were spread
  schedule.compute(TriangleQr<T>::flops(kept, d, spec.rhs), as_double(kept * (d + spec.rhs) * word));
  schedule.communicate(Operation::combine, SampleQr<T>::reduced_bytes(spec));
  return schedule.resident(resident + kept * static_cast<Index>(sizeof(SampledRow)));
}

template <class T>
Promise Leverage<T>::promise() const {
  Promise promise{Promise::Kind::none, "error", std::numeric_limits<double>::quiet_NaN(), ""};
  const double rows = rows_asked(spec_, params_), needed = rows_needed(spec_, params_);
  if (counts_.pivots_used < spec_.d)
    promise.reason = "the sample has lost " + std::to_string(spec_.d - counts_.pivots_used) + " of " +
                     std::to_string(spec_.d) + " directions of A";
  else if (is_uniform(params_))
    promise.reason = "uniform sampling misses heavy rows; --sampling leverage does not";
  else if (rows < needed)
    promise.reason = "tolerance " + to_text(Value(params_.tolerance)) + " takes " + to_text(Value(needed)) +
                     " sample-rows, got " + to_text(Value(rows));
  else
    return {Promise::Kind::probable, "error", params_.tolerance,
            saving_note(static_cast<double>(counts_.rows_kept), static_cast<double>(spec_.n))};
  return promise;
}

template Array<float> score_directions(const Array<float>&, Index, Index);
template Array<double> score_directions(const Array<double>&, Index, Index);
template class Leverage<float>;
template class Leverage<double>;

}  // namespace breakeven::regression
