#include "methods/regression/kronecker_regression/sketched_regression.hpp"

#include <algorithm>
#include <numeric>
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

/// A row of a factor that was drawn, perhaps several times.
struct Drawn {
  Index index;     ///< global row
  Index position;  ///< of one of its copies, which are all equal, in the sample
  double weight;   ///< of all copies together
};

std::vector<Drawn> drawn(const WeightedRows& sample) {
  std::vector<Index> order(sample.indices.size());
  std::iota(order.begin(), order.end(), Index{0});
  const auto index_at = [&](Index position) { return sample.indices[static_cast<std::size_t>(position)]; };
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return index_at(a) < index_at(b); });
  std::vector<Drawn> rows;
  for (const Index position : order) {
    if (rows.empty() || rows.back().index != index_at(position)) rows.push_back({index_at(position), position, 0});
    rows.back().weight += sample.weights[static_cast<std::size_t>(position)];
  }
  return rows;
}

/// The entries of rows of B in the sampled columns.
template <class T>
class RowReader {
 public:
  RowReader(const Source<T>& source, const std::vector<Drawn>& columns)
      : source_(source), columns_(columns), entries_(columns.size()) {
    if (columns.empty()) return;
    span_ = {columns.front().index, columns.back().index + 1};
    const auto n_columns = static_cast<Index>(columns.size());
    if (span_.size() <= n_columns * source.entries_at_the_price_of_one())
      whole_.resize(static_cast<std::size_t>(span_.size()));
  }

  std::span<const T> read(Index i) {
    if (!whole_.empty()) source_.block("b", 0, {i, i + 1}, span_, whole_);
    for (std::size_t m = 0; m < columns_.size(); ++m) {
      const Index j = columns_[m].index;
      entries_[m] = whole_.empty() ? source_.entry("b", 0, i, j) : whole_[static_cast<std::size_t>(j - span_.begin)];
    }
    return entries_;
  }

 private:
  const Source<T>& source_;
  const std::vector<Drawn>& columns_;
  std::vector<T> entries_, whole_;  // whole_ is empty where entries are read one by one
  Range span_{};
};

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
  const std::vector<Drawn> rows = drawn(sample[0]), columns = drawn(sample[1]);
  const Range mine = block(static_cast<Index>(rows.size()), comm_.size(), comm_.rank());
  const Index d2 = spec_.second_columns();
  RowReader<T> reader(source, columns);
  std::vector<double> row(static_cast<std::size_t>(d2));  // sum_j w_j b_ij q~2_j
  std::fill(projected_.begin(), projected_.end(), 0.0);
  for (Index l = mine.begin; l < mine.end; ++l) {
    const Drawn& i = rows[static_cast<std::size_t>(l)];
    const std::span<const T> entries = reader.read(i.index);
    std::fill(row.begin(), row.end(), 0.0);
    for (std::size_t m = 0; m < columns.size(); ++m) {
      const double weighted = columns[m].weight * static_cast<double>(entries[m]);
      const double* q2 = bases_[1].row(0, columns[m].position);
      for (Index c = 0; c < d2; ++c) row[static_cast<std::size_t>(c)] += weighted * q2[c];
    }
    for (Index p = 0; p < spec_.d; ++p) {
      const double weighted = i.weight * bases_[0](0, i.position, p);
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
  return (rows[0] * spec.d + rows[1] * spec.second_columns() + spec.unknowns() + spec.second_rows()) *
         static_cast<Index>(sizeof(double));
}

template void SketchedRegression::run(const std::array<WeightedRows, 2>&, const Source<float>&,
                                      KroneckerRegressionSolution<float>&);
template void SketchedRegression::run(const std::array<WeightedRows, 2>&, const Source<double>&,
                                      KroneckerRegressionSolution<double>&);

}  // namespace breakeven::regression::kronecker_regression
