#include "methods/inner_product/relu_training/problem.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "methods/inner_product/relu_training/generators.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Index rows_at_once = 1024;  // of X, read as numbers and kept as bits

void require_shape(const InputFile& file, std::string_view dataset, Index rows, Index columns, std::string_view meant) {
  const Shape shape = file.shape(dataset);
  if (shape.size() == 2 && shape[0] >= rows && shape[1] == columns) return;
  std::string got;
  for (const Index length : shape) got += (got.empty() ? "" : " x ") + std::to_string(length);
  throw BadRequest(file.path() + ": /" + std::string(dataset) + " must be " + std::string(meant) + " = " +
                   std::to_string(rows) + " x " + std::to_string(columns) + ", is " + got);
}

template <class T>
void load_signs(const Source<T>& source, Range rows, Array<Word>& packed) {
  for (Index begin = rows.begin; begin < rows.end; begin += rows_at_once) {
    const Range part{begin, std::min(begin + rows_at_once, rows.end)};
    const Array<T> numbers = source.rows("x", 0, part);
    const std::vector<double> wide(numbers.span().begin(), numbers.span().end());
    pack_signs(wide, numbers.columns(), "x", begin,
               packed.span().subspan(static_cast<std::size_t>((begin - rows.begin) * packed.columns()),
                                     static_cast<std::size_t>(part.size() * packed.columns())));
  }
}

std::string text_of(double value) {
  return std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";
}

}  // namespace

Index ReluTrainingSpec::least_product() const {
  // The decimal that was typed decides: rho and the product are off by 2^-53 of themselves each.
  return static_cast<Index>(std::floor(rho * static_cast<double>(d) * (1 + 0x1p-51))) + 1;
}

Index ReluTrainingSpec::radius() const {
  const Index distance = d - least_product();
  return distance < 0 ? -1 : distance / 2;
}

template <class T>
ReluTrainingProblem<T>::ReluTrainingProblem(const Spec& wanted, const Source<T>& source, const Layout& rows, int rank)
    : spec(wanted),
      layout(rows),
      v(1, rows.rows(rank), wanted.d),
      c(1, rows.rows(rank), 1),
      x(1, block(wanted.n, rows.ranks(), rank).size(), wanted.words()),
      y(static_cast<std::size_t>(wanted.n)) {
  const Range neurons = layout.ranges(rank).empty() ? Range{} : layout.ranges(rank).front();
  source.rows("v", 0, neurons, v.span());
  source.rows("c", 0, neurons, c.span());
  source.rows("y", 0, {0, spec.n}, y);
  try {
    load_signs(source, block(spec.n, rows.ranks(), rank), x);
  } catch (const BadSign& bad) {
    bad_value_ = BadValue{bad.row() * spec.d + bad.column(), bad.what()};
    return;
  }
  look_for_bad_values(neurons);
}

/// Datasets in the order x, v, c, y; within each by row and column.
template <class T>
void ReluTrainingProblem<T>::look_for_bad_values(Range neurons) {
  const auto look = [&](std::span<const T> values, const char* dataset, Index columns, Index first_row, Index before) {
    if (bad_value_) return;
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (std::isfinite(values[k])) continue;
      const Index row = first_row + static_cast<Index>(k) / columns, column = static_cast<Index>(k) % columns;
      bad_value_ = BadValue{before + row * columns + column,
                            "dataset /" + std::string(dataset) + " holds " + text_of(static_cast<double>(values[k])) +
                                " at row " + std::to_string(row) + ", column " + std::to_string(column)};
      return;
    }
  };
  const Index entries_x = spec.n * spec.d, entries_v = spec.neurons * spec.d;
  look(v.span(), "v", spec.d, neurons.begin, entries_x);
  look(c.span(), "c", 1, neurons.begin, entries_x + entries_v);
  look(y, "y", 1, 0, entries_x + entries_v + spec.neurons);
}

template <class T>
ReluTrainingSpec ReluTrainingProblem<T>::normalised(Spec spec) {
  if (spec.data == "uniform") {
    spec.clusters = unknown_index;
    spec.alignment = std::numeric_limits<double>::quiet_NaN();
  }
  return spec;
}

template <class T>
void ReluTrainingProblem<T>::validate(const Spec& spec) {
  require_at_least("n", 1, spec.n);
  require_at_least("neurons", 1, spec.neurons);
  require_at_least("d", 1, spec.d);
  constexpr Index most_columns = 1 << 24;  // inner products are whole numbers that float counts exactly up to here
  if (spec.d > most_columns)
    throw BadRequest("d must be at most " + std::to_string(most_columns) + ", got " + std::to_string(spec.d));
  require_countable(
      "(n + neurons) d + n neurons, the entries of data and activations,",
      (static_cast<double>(spec.n) + static_cast<double>(spec.neurons)) * static_cast<double>(spec.d) + spec.pairs());
  if (!(spec.rho >= 0 && spec.rho < 1))
    throw BadRequest("rho must be at least 0 and below 1, got " +
                     (std::isnan(spec.rho) ? "NaN" : to_text(Value(spec.rho))));
  if (spec.data != "clustered") return;
  require_at_least("clusters", 1, spec.clusters);
  if (!(spec.alignment >= 0 && spec.alignment <= 1))
    throw BadRequest("alignment must be between 0 and 1, got " +
                     (std::isnan(spec.alignment) ? "NaN" : to_text(Value(spec.alignment))));
}

template <class T>
ReluTrainingSpec ReluTrainingProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  Spec spec = wanted;
  const Shape inputs = file.shape("x"), weights = file.shape("v");
  if (inputs.size() != 2 || weights.size() != 2)
    throw BadRequest(file.path() + ": /x must be n x d and /v neurons x d, both matrices");
  take_size("d", inputs[1], spec.d);
  take_size("neurons", weights[0], spec.neurons);
  require_shape(file, "v", spec.neurons, spec.d, "neurons x d, as wide as /x,");
  require_shape(file, "c", spec.neurons, 1, "neurons x 1");
  take_rows("n", file, "x", inputs[0], spec.n);
  require_shape(file, "y", spec.n, 1, "n x 1");
  if (std::isnan(spec.rho)) spec.rho = Spec{}.rho;
  refuse_with_input("clusters", wanted.clusters);
  refuse_with_input("alignment", wanted.alignment);
  spec.data = "file";
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> ReluTrainingProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<ReluTrainingSource<T>>(spec, seed);
}

template <class T>
Index ReluTrainingProblem<T>::data_bytes(const Spec& spec, const Layout& layout, int rank) {
  const auto entry = static_cast<Index>(sizeof(T));
  return (layout.rows(rank) * (spec.d + 1) + spec.n) * entry +
         block(spec.n, layout.ranks(), rank).size() * spec.words() * static_cast<Index>(sizeof(Word));
}

template <class T>
std::vector<SolutionArray> ReluTrainingProblem<T>::solution_arrays(const Spec& spec, const Layout& layout, int rank,
                                                                   const Solution& solution) {
  SolutionArray gradient_v, gradient_c;
  gradient_v.name = "gradient_v";
  gradient_v.shape = {spec.neurons, spec.d};
  gradient_v.ranges = layout.ranges(rank);
  gradient_v.values = solution.gradient_v.span();
  gradient_c.name = "gradient_c";
  gradient_c.shape = {spec.neurons, 1};
  gradient_c.ranges = layout.ranges(rank);
  gradient_c.values = solution.gradient_c.span();
  return {gradient_v, gradient_c};
}

template struct ReluTrainingProblem<float>;
template struct ReluTrainingProblem<double>;

}  // namespace breakeven::inner_product
