#include "methods/regression/kronecker_regression/sketched_regression.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "methods/regression/kronecker_regression/small_solutions.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression::kronecker_regression {
namespace {

/// (basis' basis)^-1 a.
Array<double> solved(const Array<double>& basis, Array<double> a) {
  const auto r = cholesky(product_transposed_left(basis, basis));
  if (!r)
    throw Failure("the " + std::to_string(basis.rows()) + " sampled rows of a factor do not determine its " +
                  std::to_string(basis.columns()) + " columns: take more");
  solve_upper_transposed(*r, a);
  solve_upper(*r, a);
  return a;
}

}  // namespace

SketchedRegression::SketchedRegression(const Communicator& comm, const KroneckerRegressionSpec& spec)
    : comm_(comm), spec_(spec), projected_(static_cast<std::size_t>(spec.unknowns())) {}

template <class T>
void SketchedRegression::run(const std::array<WeightedRows, 2>& sample, const Source<T>& source,
                             KroneckerRegressionSolution<T>& solution) {
  for (const std::size_t factor : {0u, 1u}) bases_[factor] = product(sample[factor].rows, sample[factor].whitener);
  const Served before = source.served();
  agree(comm_, "reading b", [&] { fold_entries(sample, source); });
  solution.entries_read = source.served().entries - before.entries;
  comm_.all_reduce(std::span<double>(projected_));
  agree(comm_, "Cholesky decomposition of the samples", [&] {
    const Array<double> x = solve(sample);
    std::transform(x.data(), x.data() + x.size(), solution.x.data(),
                   [](double entry) { return static_cast<T>(entry); });
  });
}

template <class T>
void SketchedRegression::fold_entries(const std::array<WeightedRows, 2>& sample, const Source<T>& source) {
  const auto& [first, second] = sample;
  const Range mine = block(first.rows.rows(), comm_.size(), comm_.rank());
  const Index d2 = spec_.second_columns();
  std::vector<double> row(static_cast<std::size_t>(d2));
  std::fill(projected_.begin(), projected_.end(), 0.0);
  for (Index l = mine.begin; l < mine.end; ++l) {
    const auto at = static_cast<std::size_t>(l);
    std::fill(row.begin(), row.end(), 0.0);
    for (std::size_t m = 0; m < second.indices.size(); ++m) {
      const T entry = source.entry("b", 0, first.indices[at], second.indices[m]);
      const double weighted = second.weights[m] * static_cast<double>(entry);
      const double* q2 = bases_[1].row(0, static_cast<Index>(m));
      for (Index c = 0; c < d2; ++c) row[static_cast<std::size_t>(c)] += weighted * q2[c];
    }
    for (Index p = 0; p < spec_.d; ++p) {
      const double weighted = first.weights[at] * bases_[0](0, l, p);
      for (Index c = 0; c < d2; ++c)
        projected_[static_cast<std::size_t>(p * d2 + c)] += weighted * row[static_cast<std::size_t>(c)];
    }
  }
}

Array<double> SketchedRegression::solve(const std::array<WeightedRows, 2>& sample) const {
  Array<double> y(1, spec_.d, spec_.second_columns());
  std::copy(projected_.begin(), projected_.end(), y.data());
  y = solved(bases_[0], std::move(y));
  y = transposed(solved(bases_[1], transposed(y)));
  return product_transposed_right(product(sample[0].whitener, y), sample[1].whitener);
}

void SketchedRegression::add_steps(const KroneckerSpec& spec, std::array<Index, 2> rows, int ranks, int rank,
                                   Index word, Schedule& schedule) {
  constexpr auto flag = static_cast<Index>(sizeof(Index)), real = static_cast<Index>(sizeof(double));
  double small = 0;  // Q~ and its Gram matrix, on every rank
  for (const int factor : {0, 1}) {
    const Index d = spec.columns(factor);
    small += 4 * static_cast<double>(rows[static_cast<std::size_t>(factor)] * d * d);
  }
  const double entries = static_cast<double>(block(rows[0], ranks, rank).size()) * static_cast<double>(rows[1]);
  schedule.compute(small + 2 * entries * static_cast<double>(spec.second_columns()),
                   entries * static_cast<double>(word));
  schedule.communicate(Operation::agree, flag);
  schedule.communicate(Operation::all_reduce, spec.unknowns() * real);
  schedule.communicate(Operation::agree, flag);
}

Index SketchedRegression::bytes(const KroneckerSpec& spec, std::array<Index, 2> rows) {
  return (rows[0] * spec.d + rows[1] * spec.second_columns() + spec.unknowns()) * static_cast<Index>(sizeof(double));
}

template void SketchedRegression::run(const std::array<WeightedRows, 2>&, const Source<float>&,
                                      KroneckerRegressionSolution<float>&);
template void SketchedRegression::run(const std::array<WeightedRows, 2>&, const Source<double>&,
                                      KroneckerRegressionSolution<double>&);

}  // namespace breakeven::regression::kronecker_regression
