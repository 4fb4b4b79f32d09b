#include "methods/regression/kronecker_regression/product_sketch.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "methods/regression/kronecker/options.hpp"
#include "methods/regression/kronecker_regression/small_solutions.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression::kronecker_regression {
namespace {

constexpr double default_tolerance = 0.1;

/// Smallest k with (1 + d/k)(1 + d2/k) <= 1 + tolerance, and d + d2 more, as a Gaussian sketch of each factor loses
/// that many rows: d / (k - d - 1).
Index rows_of(const KroneckerSpec& spec, const ProductSketchParams& params) {
  if (params.rows != unknown_index) return params.rows;
  const auto sum = static_cast<double>(spec.d + spec.second_columns());
  const auto unknowns = static_cast<double>(spec.unknowns());
  return rounded_up((sum + std::sqrt(sum * sum + 4 * params.tolerance * unknowns)) / (2 * params.tolerance) + sum);
}

/// g^-1 a.
Array<double> solved(const Array<double>& basis, Array<double> a) {
  const auto r = cholesky(product_transposed_left(basis, basis));
  if (!r)
    throw Failure("the " + std::to_string(basis.rows()) + " drawn rows of a factor do not determine its " +
                  std::to_string(basis.columns()) + " columns: rows must be larger");
  solve_upper_transposed(*r, a);
  solve_upper(*r, a);
  return a;
}

Array<double> transposed(const Array<double>& a) {
  Array<double> t(1, a.columns(), a.rows());
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < a.columns(); ++j) t(0, j, i) = a(0, i, j);
  return t;
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
  const Index rows = rows_of(spec, params);
  require_draws("rows", rows, "d", spec.d);
  require_draws("rows", rows, "d2", spec.second_columns());
  constexpr Index most_rows = Index{1} << 31;  // their square is a count
  if (rows >= most_rows)
    throw BadRequest("rows must be below 2^31, got " + std::to_string(rows) + "; take a larger tolerance");
}

template <class T>
ProductSketch<T>::ProductSketch(const Communicator& comm, const KroneckerRegressionSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      rows_(rows_of(spec, params)),
      mine_(block(rows_, comm.size(), comm.rank())),
      sampler_(comm, spec, {rows_, rows_}, params.draw),
      bases_{Array<double>(1, rows_, spec.d), Array<double>(1, rows_, spec.second_columns())},
      projected_(static_cast<std::size_t>(spec.unknowns())) {
  for (std::vector<double>& weights : weights_) weights.resize(static_cast<std::size_t>(rows_));
  solution_.x = Array<T>(1, spec.d, spec.second_columns());
}

template <class T>
const KroneckerRegressionSolution<T>& ProductSketch<T>::run(const KroneckerRegressionProblem<T>& problem) {
  sampler_.run(problem.factors);
  weigh_drawn_rows();
  const Served before = problem.source->served();
  agree(comm_, "reading b", [&] { fold_entries(*problem.source); });
  solution_.entries_read = problem.source->served().entries - before.entries;
  comm_.all_reduce(std::span<double>(projected_));
  agree(comm_, "Cholesky decomposition of the samples", [this] { solve(); });
  return solution_;
}

template <class T>
void ProductSketch<T>::weigh_drawn_rows() {
  for (const int factor : {0, 1}) {
    const auto at = static_cast<std::size_t>(factor);
    const double shared = static_cast<double>(spec_.columns(factor)) / static_cast<double>(rows_);
    for (Index l = 0; l < rows_; ++l) {
      const std::span<double> q(bases_[at].row(0, l), static_cast<std::size_t>(spec_.columns(factor)));
      const double weight = std::sqrt(shared / sampler_.whiten(factor, sampler_.row(factor, l), q));
      for (double& entry : q) entry *= weight;
      weights_[at][static_cast<std::size_t>(l)] = weight;
    }
  }
}

template <class T>
void ProductSketch<T>::fold_entries(const Source<T>& source) {
  const Index d2 = spec_.second_columns();
  std::vector<double> row(static_cast<std::size_t>(d2));
  std::fill(projected_.begin(), projected_.end(), 0.0);
  for (Index l = mine_.begin; l < mine_.end; ++l) {
    std::fill(row.begin(), row.end(), 0.0);
    for (Index m = 0; m < rows_; ++m) {
      const T entry = source.entry("b", 0, sampler_.index(0, l), sampler_.index(1, m));
      const double weighted = weights_[1][static_cast<std::size_t>(m)] * static_cast<double>(entry);
      for (Index c = 0; c < d2; ++c) row[static_cast<std::size_t>(c)] += weighted * bases_[1](0, m, c);
    }
    for (Index p = 0; p < spec_.d; ++p) {
      const double weighted = weights_[0][static_cast<std::size_t>(l)] * bases_[0](0, l, p);
      for (Index c = 0; c < d2; ++c)
        projected_[static_cast<std::size_t>(p * d2 + c)] += weighted * row[static_cast<std::size_t>(c)];
    }
  }
}

template <class T>
void ProductSketch<T>::solve() {
  Array<double> y(1, spec_.d, spec_.second_columns());
  std::copy(projected_.begin(), projected_.end(), y.data());
  y = solved(bases_[0], std::move(y));
  y = transposed(solved(bases_[1], transposed(y)));
  const Array<double> x = from_basis(sampler_.r(0), std::move(y), sampler_.r(1));
  std::transform(x.data(), x.data() + x.size(), solution_.x.data(), [](double entry) { return static_cast<T>(entry); });
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
  return {Promise::Kind::probable, "error", 4 * (product - 1), ""};
}

template <class T>
ProductSketchCounts ProductSketch<T>::expected(const KroneckerRegressionSpec& spec, const Params& params) {
  const Index rows = rows_of(spec, params);
  return {rows * rows};
}

template <class T>
Schedule ProductSketch<T>::schedule(const KroneckerRegressionSpec& spec, const Params& params, const Counts&, int ranks,
                                    int rank) {
  const auto real = static_cast<Index>(sizeof(double)), flag = static_cast<Index>(sizeof(Index));
  const Index rows = rows_of(spec, params), columns = spec.d + spec.second_columns(), unknowns = spec.unknowns();
  const double squares = static_cast<double>(spec.d * spec.d + spec.second_columns() * spec.second_columns());
  const double entries = static_cast<double>(block(rows, ranks, rank).size()) * static_cast<double>(rows);
  Schedule schedule;
  LeverageSampler<T>::add_steps(spec, {rows, rows}, ranks, rank, schedule);
  schedule.compute(static_cast<double>(rows) * squares, static_cast<double>(2 * rows * columns * real));
  schedule.compute(2 * entries * static_cast<double>(spec.second_columns()), entries * sizeof(T));
  schedule.communicate(Operation::agree, flag);
  schedule.communicate(Operation::all_reduce, unknowns * real);
  schedule.compute(2 * static_cast<double>(rows) * squares, static_cast<double>(rows * columns * real));
  schedule.communicate(Operation::agree, flag);
  return schedule.resident(LeverageSampler<T>::bytes(spec, {rows, rows}, ranks, rank) +
                           (rows * (columns + 2) + unknowns) * real + unknowns * static_cast<Index>(sizeof(T)));
}

template class ProductSketch<float>;
template class ProductSketch<double>;

}  // namespace breakeven::regression::kronecker_regression
