#include "methods/regression/least_squares/problem.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "comm/agree.hpp"
#include "methods/regression/least_squares/generators.hpp"
#include "methods/regression/refusals.hpp"

namespace breakeven::regression {
namespace {

constexpr Index rows_at_once = 2048;  // A and B by turns: generated rows of B need those of A

void require_number(std::string_view option, double bound, double value) {
  if (!(value >= bound && std::isfinite(value)))
    throw BadRequest(std::string(option) + " must be finite and at least " + to_text(Value(bound)) + ", got " +
                     (std::isnan(value) ? "NaN" : to_text(Value(value))));
}

std::array<Index, 2> matrix_shape(const InputFile& file, std::string_view dataset) {
  const Shape shape = file.shape(dataset);
  if (shape.size() == 2) return {shape[0], shape[1]};
  throw BadRequest(file.path() + ": /" + std::string(dataset) + " must be a matrix or a vector, has " +
                   std::to_string(shape.size()) + " dimensions");
}

std::string shape_text(const std::array<Index, 2>& shape) {
  return std::to_string(shape[0]) + " x " + std::to_string(shape[1]);
}

/// Rows of /a_test and /b_test; 0 if the file holds neither.
Index test_rows_of(const InputFile& file, const LeastSquaresSpec& spec) {
  if (!file.has("a_test") && !file.has("b_test")) return 0;
  for (const char* name : {"a_test", "b_test"})
    if (!file.has(name)) throw BadRequest(file.path() + ": /a_test and /b_test go together, there is no /" + name);
  const auto a = matrix_shape(file, "a_test"), b = matrix_shape(file, "b_test");
  if (a[0] != b[0] || a[1] != spec.d || b[1] != spec.rhs)
    throw BadRequest(file.path() + ": /a_test is " + shape_text(a) + " and /b_test " + shape_text(b) +
                     "; they need equal rows, " + std::to_string(spec.d) + " columns as /a and " +
                     std::to_string(spec.rhs) + " as /b");
  return a[0];
}

}  // namespace

template <class T>
LeastSquaresProblem<T>::LeastSquaresProblem(const Spec& wanted, const Source<T>& source, const Layout& rows, int rank)
    : spec(wanted), layout(rows), a(1, rows.rows(rank), wanted.d), b(1, rows.rows(rank), wanted.rhs), rank_(rank) {
  Index local = 0;
  for (const Range& range : layout.ranges(rank)) {
    if (local == 0) first_row = range.begin;
    for (Index begin = range.begin; begin < range.end; begin += rows_at_once) {
      const Range part{begin, std::min(begin + rows_at_once, range.end)};
      source.rows("a", 0, part, {a.row(0, local), static_cast<std::size_t>(part.size() * spec.d)});
      source.rows("b", 0, part, {b.row(0, local), static_cast<std::size_t>(part.size() * spec.rhs)});
      local += part.size();
    }
  }
}

template <class T>
LeastSquaresSpec LeastSquaresProblem<T>::normalised(Spec spec) {
  if (spec.data != "graded") spec.condition = std::numeric_limits<double>::quiet_NaN();
  return spec;
}

template <class T>
void LeastSquaresProblem<T>::validate(const Spec& spec) {
  require_at_least("n", 1, spec.n);
  require_at_least("d", 1, spec.d);
  require_at_least("rhs", 1, spec.rhs);
  if (spec.n < spec.d)
    throw BadRequest("n must be at least d = " + std::to_string(spec.d) +
                     ": least squares need as many rows as unknowns, got " + std::to_string(spec.n));
  require_countable("n (d + rhs), the entries of the data,",
                    static_cast<double>(spec.n) * (static_cast<double>(spec.d) + static_cast<double>(spec.rhs)));
  constexpr Index most_columns = std::numeric_limits<std::int32_t>::max();  // BLAS counts in 32 bits
  for (const auto& [option, value] : {std::pair{"d", spec.d}, {"rhs", spec.rhs}})
    if (value > most_columns)
      throw BadRequest(std::string(option) + " must be at most 2^31 - 1, got " + std::to_string(value));
  require_number("ridge", 0, spec.ridge);
  if (spec.data == "graded") {
    require_number("condition", 1, spec.condition);
    if (spec.d == 1 && spec.condition != 1)
      throw BadRequest("condition must be 1 at d = 1, got " + to_text(Value(spec.condition)));
  }
  if (spec.data != "file") require_number("noise", 0, spec.noise);
}

template <class T>
LeastSquaresSpec LeastSquaresProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  Spec spec = wanted;
  const std::array<Index, 2> a = matrix_shape(file, "a"), b = matrix_shape(file, "b");
  if (a[0] != b[0])
    throw BadRequest(file.path() + ": /b is " + shape_text(b) + " but /a is " + shape_text(a) + "; rows must be equal");
  take_size("d", a[1], spec.d);
  take_size("rhs", b[1], spec.rhs);
  take_rows("n", file, "a", a[0], spec.n);
  refuse_with_input("noise", wanted.noise);
  if (std::isnan(spec.ridge)) spec.ridge = Spec{}.ridge;
  spec.data = "file";
  spec.condition = std::numeric_limits<double>::quiet_NaN();
  spec.test_rows = test_rows_of(file, spec);
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> LeastSquaresProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<GeneratedSource<T>>(spec, seed);
}

template <class T>
Index LeastSquaresProblem<T>::data_bytes(const Spec& spec, const Layout& layout, int rank) {
  return layout.rows(rank) * (spec.d + spec.rhs) * static_cast<Index>(sizeof(T));
}

template <class T>
std::optional<BadValue> LeastSquaresProblem<T>::first_bad_value() const {
  if (auto found = first_bad_entry("a", std::span<const T>(a.span()), spec.d, first_row, 0)) return found;
  return first_bad_entry("b", std::span<const T>(b.span()), spec.rhs, first_row, spec.n * spec.d);  // after all of /a
}

template <class T>
LeastSquaresSpec LeastSquaresProblem<T>::observed(const Communicator& comm, const Spec& spec,
                                                  const LeastSquaresProblem& problem) {
  const std::optional<Index> zeros = column_of_zeros(comm, problem.a);
  if (zeros && spec.ridge == 0)
    throw CollectiveError(ExitCode::usage, "dataset /a holds nothing but zeros in column " + std::to_string(*zeros) +
                                               ", so the answer is not unique; leave it out or give a ridge above 0");
  return spec;
}

template <class T>
std::vector<SolutionArray> LeastSquaresProblem<T>::solution_arrays(const Spec& spec, const Layout& layout, int rank,
                                                                   const Solution& solution) {
  // Every rank holds all of X; each saves its share of the rows.
  const Range rows = block(spec.d, layout.ranks(), rank);
  SolutionArray x;
  x.name = "x";
  x.shape = {spec.d, spec.rhs};
  x.ranges = {rows};
  x.values = std::span<const T>(solution.x.row(0, rows.begin), static_cast<std::size_t>(rows.size() * spec.rhs));
  return {x};
}

template struct LeastSquaresProblem<float>;
template struct LeastSquaresProblem<double>;

}  // namespace breakeven::regression
