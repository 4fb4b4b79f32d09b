#include "methods/regression/kronecker_regression/product_sketch.hpp"

#include <cmath>

#include "base/error.hpp"
#include "methods/regression/kronecker/options.hpp"
#include "methods/regression/refusals.hpp"

namespace breakeven::regression::kronecker_regression {
namespace {

constexpr double default_tolerance = 0.1;

Index rows_of(const KroneckerSpec& spec, const ProductSketchParams& params) {
  if (params.rows != unknown_index) return params.rows;
  return rows_for_excess(spec.d, spec.second_columns(), params.tolerance);
}

}  // namespace

template <class T>
ProductSketchParams ProductSketch<T>::normalised(Params params) {
  if (params.rows == unknown_index && std::isnan(params.tolerance)) params.tolerance = default_tolerance;
  return params;
}

template <class T>
void ProductSketch<T>::validate(const KroneckerRegressionSpec& spec, const Params& params) {
  require_one_of("rows", params.rows, params.tolerance);
  validate_draw(params.draw);
  const Index rows = rows_of(spec, params);
  require_draws("rows", rows, "d", spec.d);
  require_draws("rows", rows, "d2", spec.second_columns());
  constexpr Index most_rows = Index{1} << 31;  // their square is a count
  if (rows >= most_rows)
    throw BadRequest("rows must be below 2^31, got " + std::to_string(rows) + "; take a larger tolerance");
}

template <class T>
ProductSketch<T>::ProductSketch(const Communicator& comm, const KroneckerRegressionSpec& spec, const Params& params)
    : spec_(spec),
      rows_(rows_of(spec, params)),
      sampler_(comm, spec, {rows_, rows_}, params.draw),
      weighted_{WeightedRows(rows_, spec.d), WeightedRows(rows_, spec.second_columns())},
      regression_(comm, spec) {
  solution_.x = Array<T>(1, spec.d, spec.second_columns());
}

template <class T>
const KroneckerRegressionSolution<T>& ProductSketch<T>::run(const KroneckerRegressionProblem<T>& problem) {
  sampler_.run(problem.factors);
  for (const int factor : {0, 1}) sampler_.weigh(factor, weighted_[static_cast<std::size_t>(factor)]);
  regression_.run(weighted_, *problem.source, solution_);
  return solution_;
}

template <class T>
Promise ProductSketch<T>::promise() const {
  // Four times the worst mean of the two-sided law (NOTES.md), as for independent pairs.
  double product = 1;
  for (const int factor : {0, 1}) {
    const Index spare = rows_ - spec_.columns(factor) - 1;
    if (spare < 1)
      return {Promise::Kind::none, "", std::numeric_limits<double>::quiet_NaN(),
              "rows above " + std::to_string(spec_.columns(factor) + 1) + " are needed for a mean excess"};
    product *= 1 + static_cast<double>(spec_.columns(factor)) / static_cast<double>(spare);
  }
  return {Promise::Kind::probable, "error", 4 * (product - 1), saving_note_of_factors(spec_, {rows_, rows_})};
}

template <class T>
ProductSketchCounts ProductSketch<T>::expected(const KroneckerRegressionSpec& spec, const Params& params) {
  const Index rows = rows_of(spec, params);
  return {rows * rows, LeverageSampler<T>::expected_distinct(spec, {rows, rows})};
}

template <class T>
Schedule ProductSketch<T>::schedule(const KroneckerRegressionSpec& spec, const Params& params, const Counts&, int ranks,
                                    int rank) {
  const Index rows = rows_of(spec, params), columns = spec.d + spec.second_columns();
  const double squares = static_cast<double>(spec.d * spec.d + spec.second_columns() * spec.second_columns());
  Schedule schedule;
  LeverageSampler<T>::add_steps(spec, {rows, rows}, ranks, rank, schedule);
  schedule.compute(static_cast<double>(rows) * squares, static_cast<double>(2 * rows * columns) * sizeof(double));
  SketchedRegression::add_steps(spec, {rows, rows}, ranks, rank, static_cast<Index>(sizeof(T)), schedule);
  return schedule.resident(LeverageSampler<T>::bytes(spec, {rows, rows}, ranks, rank) +
                           WeightedRows::bytes(rows, spec.d) + WeightedRows::bytes(rows, spec.second_columns()) +
                           SketchedRegression::bytes(spec, {rows, rows}) +
                           spec.unknowns() * static_cast<Index>(sizeof(T)));
}

template class ProductSketch<float>;
template class ProductSketch<double>;

}  // namespace breakeven::regression::kronecker_regression
