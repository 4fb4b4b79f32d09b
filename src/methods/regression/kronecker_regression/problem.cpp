#include "methods/regression/kronecker_regression/problem.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "methods/regression/kronecker/generators.hpp"
#include "methods/regression/refusals.hpp"

namespace breakeven::regression {
namespace {

constexpr Index entries_at_once = Index{1} << 18;

}  // namespace

template <class T>
KroneckerRegressionSpec KroneckerRegressionProblem<T>::normalised(Spec spec) {
  settle_sizes(spec);
  return spec;
}

template <class T>
void KroneckerRegressionProblem<T>::validate(const Spec& spec) {
  validate_factors(spec);
  if (spec.data != "file" && !(spec.noise >= 0 && std::isfinite(spec.noise)))
    throw BadRequest("noise must be at least 0 and finite, got " + to_text(Value(spec.noise)));
}

template <class T>
KroneckerRegressionSpec KroneckerRegressionProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  refuse_with_input("noise", wanted.noise);
  Spec spec = wanted;
  take_factor_sizes(file, spec);
  const Shape a1 = file.shape("a1"), a2 = file.shape("a2"), b = file.shape("b");
  if (b.size() != 2 || b[0] != a1[0] || b[1] != a2[0]) {
    std::string shape;
    for (const Index length : b) shape += (shape.empty() ? "" : " x ") + std::to_string(length);
    throw BadRequest(file.path() + ": /b must be " + std::to_string(a1[0]) + " x " + std::to_string(a2[0]) +
                     ", a row for each row of /a1 and a column for each row of /a2, is " + shape);
  }
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> KroneckerRegressionProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<KroneckerSource<T>>(spec, spec.noise, seed);
}

template <class T>
std::optional<BadValue> KroneckerRegressionProblem<T>::first_bad_value() const {
  if (const auto found = factors.first_bad_value()) return found;
  if (spec.data != "file") return std::nullopt;
  constexpr Index offset = Index{1} << 62;  // behind any entry of the factors
  const Index columns = spec.second_rows(), at_once = std::max<Index>(1, entries_at_once / columns);
  std::vector<T> rows(static_cast<std::size_t>(at_once * columns));
  for (Index begin = factors.rows[0].begin; begin < factors.rows[0].end; begin += at_once) {
    const Range range{begin, std::min(begin + at_once, factors.rows[0].end)};
    const std::span<T> part(rows.data(), static_cast<std::size_t>(range.size() * columns));
    source->block("b", 0, range, {0, columns}, part);
    if (const auto found = first_bad_entry("b", std::span<const T>(part), columns, begin, offset)) return found;
  }
  return std::nullopt;
}

template <class T>
std::vector<SolutionArray> KroneckerRegressionProblem<T>::solution_arrays(const Spec& spec, const Layout&, int rank,
                                                                          const Solution& solution) {
  SolutionArray x;
  x.name = "x";
  x.shape = {spec.d, spec.second_columns()};
  const Range held{0, rank == 0 ? spec.d : 0};  // equal on all ranks: one writes
  x.ranges = {held};
  x.values = solution.x.span().first(static_cast<std::size_t>(held.size() * spec.second_columns()));
  return {x};
}

template struct KroneckerRegressionProblem<float>;
template struct KroneckerRegressionProblem<double>;

}  // namespace breakeven::regression
