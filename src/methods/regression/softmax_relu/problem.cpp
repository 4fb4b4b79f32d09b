#include "methods/regression/softmax_relu/problem.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "comm/agree.hpp"
#include "methods/regression/softmax_relu/generators.hpp"

namespace breakeven::regression {
namespace {

constexpr Index rows_at_once = 1024;  // read densely, then kept as they are stored

void require_shape(const InputFile& file, std::string_view dataset, Index rows, Index columns, std::string_view meant) {
  const Shape shape = file.shape(dataset);
  if (shape.size() == 2 && shape[0] == rows && shape[1] == columns) return;
  std::string got;
  for (const Index length : shape) got += (got.empty() ? "" : " x ") + std::to_string(length);
  throw BadRequest(file.path() + ": /" + std::string(dataset) + " must be " + std::string(meant) + " = " +
                   std::to_string(rows) + " x " + std::to_string(columns) + ", is " + got);
}

template <class T>
void load(const Source<T>& source, std::string_view name, const std::vector<Range>& ranges, RowMatrix<T>& matrix) {
  for (const Range& range : ranges)
    for (Index begin = range.begin; begin < range.end; begin += rows_at_once)
      matrix.append(source.rows(name, 0, {begin, std::min(begin + rows_at_once, range.end)}).span());
}

std::string text_of(double value) {
  return std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";
}

}  // namespace

template <class T>
SoftmaxReluProblem<T>::SoftmaxReluProblem(const Spec& wanted, const Source<T>& source, const Layout& rows, int rank)
    : spec(wanted),
      layout(rows),
      a1(wanted.d, wanted.density < 1 || wanted.sparse),
      a2(wanted.m, wanted.nonzeros > 0 || wanted.sparse),
      rank_(rank) {
  const std::vector<Range>& mine = layout.ranges(rank);
  first_row = mine.empty() ? 0 : mine.front().begin;
  a1.reserve(layout.rows(rank));
  a2.reserve(layout.rows(rank));
  load(source, "a1", mine, a1);
  load(source, "a2", mine, a2);
  for (const Range& range : mine) {
    const Array<T> part = source.rows("w", 0, range);
    w.insert(w.end(), part.span().begin(), part.span().end());
  }
  const Array<T> targets = source.rows("b", 0, {0, spec.m});
  b.assign(targets.span().begin(), targets.span().end());
}

template <class T>
SoftmaxReluSpec SoftmaxReluProblem<T>::normalised(Spec spec) {
  // Synthetic data are stored as density and nonzeros say: one case, one hash. With an input file density is open here.
  if (!std::isnan(spec.density)) spec.sparse = false;
  return spec;
}

template <class T>
void SoftmaxReluProblem<T>::validate(const Spec& spec) {
  require_at_least("m", 1, spec.m);
  require_at_least("d", 1, spec.d);
  if (spec.n < spec.d)
    throw BadRequest("n must be at least d = " + std::to_string(spec.d) + ", else W A1 has no full column rank, got " +
                     std::to_string(spec.n));
  const double n = static_cast<double>(spec.n), m = static_cast<double>(spec.m), d = static_cast<double>(spec.d);
  require_countable("n (m + d) + (m + d) d, the entries of data and Hessian,", n * (m + d) + (m + d) * d);
  if (!std::isfinite(spec.start_distance))
    throw BadRequest("start-distance must be finite, got " + to_text(Value(spec.start_distance)));
  if (spec.data == "file") return;
  if (!(spec.density > 0 && spec.density <= 1))
    throw BadRequest("density must be above 0 and at most 1, got " + to_text(Value(spec.density)));
  if (spec.nonzeros < 0 || spec.nonzeros > spec.m)
    throw BadRequest("nonzeros must be between 0 (dense) and m = " + std::to_string(spec.m) + ", got " +
                     std::to_string(spec.nonzeros));
  if (!(spec.dominance > 0 && std::isfinite(spec.dominance)))
    throw BadRequest("dominance must be positive and finite, got " + to_text(Value(spec.dominance)));
}

template <class T>
SoftmaxReluSpec SoftmaxReluProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  Spec spec = wanted;
  refuse_with_input("signs", wanted.signs);
  refuse_with_input("density", wanted.density);
  refuse_with_input("nonzeros", wanted.nonzeros);
  refuse_with_input("dominance", wanted.dominance);
  const Shape a1 = file.shape("a1"), a2 = file.shape("a2");
  if (a1.size() != 2 || a2.size() != 2)
    throw BadRequest(file.path() + ": /a1 must be n x d and /a2 n x m, both matrices");
  take_size("d", a1[1], spec.d);
  take_size("m", a2[1], spec.m);
  require_shape(file, "a2", a1[0], spec.m, "n x m, a row for each row of /a1");
  require_shape(file, "b", spec.m, 1, "m, the columns of /a2,");
  require_shape(file, "w", a1[0], 1, "n, the rows of /a1,");
  take_rows("n", file, "a1", a1[0], spec.n);
  spec.data = "file";
  spec.signs = "";
  spec.density = spec.dominance = std::numeric_limits<double>::quiet_NaN();
  spec.nonzeros = unknown_index;
  if (std::isnan(spec.start_distance)) spec.start_distance = 0;
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> SoftmaxReluProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<SoftmaxReluSource<T>>(spec, seed);
}

template <class T>
Index SoftmaxReluProblem<T>::data_bytes(const Spec& spec, const Layout& layout, int rank) {
  // Of sparse rows: value and column of each entry. A file's zeros are not known yet: as many as if there were none.
  const auto row_bytes = [](double stored, bool sparse) {
    return stored * (sizeof(T) + (sparse ? sizeof(Index) : 0)) + (sparse ? sizeof(Index) : 0);
  };
  const double density = std::isnan(spec.density) ? 1 : spec.density;
  const Index of_a2 = spec.nonzeros > 0 ? spec.nonzeros : spec.m;
  const double a_row = row_bytes(density * static_cast<double>(spec.d), spec.sparse || density < 1) +
                       row_bytes(static_cast<double>(of_a2), spec.sparse || spec.nonzeros > 0) + sizeof(T);
  return static_cast<Index>(a_row * static_cast<double>(layout.rows(rank))) + spec.m * static_cast<Index>(sizeof(T));
}

template <class T>
std::optional<BadValue> SoftmaxReluProblem<T>::first_bad_value() const {
  // Datasets in the order a1, a2, w, b; within each by global row and column.
  const auto report = [](Index position, const char* dataset, Index row, Index column, T value) {
    return BadValue{position, "dataset /" + std::string(dataset) + " holds " + text_of(static_cast<double>(value)) +
                                  " at row " + std::to_string(row) + ", column " + std::to_string(column)};
  };
  Index offset = 0;
  for (const auto& [dataset, matrix] : {std::pair<const char*, const RowMatrix<T>*>{"a1", &a1}, {"a2", &a2}}) {
    for (Index i = 0; i < matrix->rows(); ++i) {
      const Range stored = matrix->entries_of(i);
      for (Index k = stored.begin; k < stored.end; ++k) {
        const T value = matrix->values()[static_cast<std::size_t>(k)];
        const Index row = first_row + i, column = matrix->column_of(k);
        if (!std::isfinite(value))
          return report(offset + row * matrix->columns() + column, dataset, row, column, value);
      }
    }
    offset += spec.n * matrix->columns();
  }
  for (std::size_t i = 0; i < w.size(); ++i)
    if (!std::isfinite(w[i])) {
      const Index row = first_row + static_cast<Index>(i);
      return report(offset + row, "w", row, 0, w[i]);
    }
  offset += spec.n;
  for (std::size_t j = 0; j < b.size(); ++j)
    if (!std::isfinite(b[j])) return report(offset + static_cast<Index>(j), "b", static_cast<Index>(j), 0, b[j]);
  return std::nullopt;
}

template <class T>
SoftmaxReluSpec SoftmaxReluProblem<T>::observed(const Communicator& comm, const Spec& spec,
                                                const SoftmaxReluProblem& problem) {
  std::vector<double> largest(static_cast<std::size_t>(spec.d), 0);
  const std::span<const T> values = problem.a1.values();
  for (Index k = 0; k < problem.a1.entries(); ++k) {
    double& column = largest[static_cast<std::size_t>(problem.a1.column_of(k))];
    column = std::max(column, std::abs(static_cast<double>(values[static_cast<std::size_t>(k)])));
  }
  comm.all_reduce(std::span<double>(largest), Reduction::maximum);
  const auto zero = std::find(largest.begin(), largest.end(), 0.0);
  if (zero != largest.end())
    throw CollectiveError(ExitCode::usage, "dataset /a1 holds only zeros in column " +
                                               std::to_string(zero - largest.begin()) + ", so no x is determined");
  return spec;
}

template <class T>
std::vector<std::string> SoftmaxReluProblem<T>::warnings(const Spec& spec, const Reference& reference) {
  std::vector<std::string> texts;
  if (reference.zero_weights > 0)
    texts.push_back(std::to_string(reference.zero_weights) + " of " + std::to_string(spec.n) +
                    " weights are 0: the Hessian may be indefinite");
  if (!(reference.lambda_min > 0))
    texts.push_back("the Hessian at x* is not positive definite, its smallest eigenvalue is " +
                    to_text(Value(reference.lambda_min)) + ": errors are in the norm of A1'W^2A1");
  return texts;
}

template <class T>
std::vector<SolutionArray> SoftmaxReluProblem<T>::solution_arrays(const Spec& spec, const Layout&, int rank,
                                                                  const Solution& solution) {
  SolutionArray x;
  x.name = "x";
  x.shape = {spec.d, 1};
  if (rank == 0) {  // equal everywhere; one rank hands it over
    x.ranges = {{0, spec.d}};
    x.values = solution.x.span();
  } else {
    x.values = solution.x.span().first(0);
  }
  return {x};
}

template struct SoftmaxReluProblem<float>;
template struct SoftmaxReluProblem<double>;

}  // namespace breakeven::regression
