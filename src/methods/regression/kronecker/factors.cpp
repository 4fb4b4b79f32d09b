#include "methods/regression/kronecker/factors.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "comm/agree.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/whitened_error.hpp"

namespace breakeven::regression {
namespace {

constexpr std::array<std::string_view, 2> dataset_names{"a1", "a2"};
constexpr std::array<std::string_view, 2> row_options{"n", "n2"}, column_options{"d", "d2"};

Shape matrix_shape(const InputFile& file, std::string_view dataset) {
  const Shape shape = file.shape(dataset);
  if (shape.size() != 2)
    throw BadRequest(file.path() + ": /" + std::string(dataset) + " must be a matrix, has " +
                     std::to_string(shape.size()) + " dimensions");
  return shape;
}

}  // namespace

double halving_error(const std::array<Array<double>, 2>& halved, const std::array<Array<double>, 2>& r) {
  if (halved[0].size() == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::max(whitened_error(halved[0], r[0]), whitened_error(halved[1], r[1]));
}

void settle_sizes(KroneckerSpec& spec) {
  // Two sizes that a file has yet to tell are not known to be equal.
  if (spec.n != unknown_index && spec.n2 == spec.n) spec.n2 = 0;
  if (spec.d != unknown_index && spec.d2 == spec.d) spec.d2 = 0;
}

void validate_factors(const KroneckerSpec& spec) {
  for (const int factor : {0, 1}) {
    const auto at = static_cast<std::size_t>(factor);
    require_at_least(column_options[at], 1, spec.columns(factor));
    if (spec.rows(factor) < spec.columns(factor))
      throw BadRequest(std::string(row_options[at]) + " must be at least " + std::string(column_options[at]) + " = " +
                       std::to_string(spec.columns(factor)) + ", got " + std::to_string(spec.rows(factor)));
  }
  // Compared as real numbers first: each factor may be near 2^63.
  const double unknowns = static_cast<double>(spec.d) * static_cast<double>(spec.second_columns());
  if (unknowns > static_cast<double>(most_unknowns))
    throw BadRequest("d d2, the columns of the product, must be at most " + std::to_string(most_unknowns) + ", got " +
                     to_text(Value(unknowns)) + " = " + std::to_string(spec.d) + " x " +
                     std::to_string(spec.second_columns()));
  require_countable("n n2, the rows of the product,",
                    static_cast<double>(spec.n) * static_cast<double>(spec.second_rows()));
}

void take_factor_sizes(const InputFile& file, KroneckerSpec& spec) {
  const Shape a1 = matrix_shape(file, "a1"), a2 = matrix_shape(file, "a2");
  take_size("d", a1[1], spec.d);
  if (spec.d2 == 0) spec.d2 = spec.d;
  take_size("d2", a2[1], spec.d2);
  const bool equally_long = a1[0] == a2[0];
  take_rows("n", file, "a1", a1[0], spec.n);
  if (spec.n2 == unknown_index) spec.n2 = equally_long ? spec.n : a2[0];
  if (spec.n2 == 0) spec.n2 = spec.n;
  take_rows("n2", file, "a2", a2[0], spec.n2);
  spec.data = "file";
  settle_sizes(spec);
}

template <class T>
KroneckerFactors<T>::KroneckerFactors(const KroneckerSpec& spec, const Source<T>& source, const Layout& layout,
                                      int rank)
    : rows{layout.ranges(rank).front(), block(spec.second_rows(), layout.ranks(), rank)} {
  for (std::size_t factor : {0u, 1u}) a[factor] = source.rows(dataset_names[factor], 0, rows[factor]);
}

template <class T>
Index KroneckerFactors<T>::bytes(const KroneckerSpec& spec, const Layout& layout, int rank) {
  const Index second = block(spec.second_rows(), layout.ranks(), rank).size();
  return (layout.rows(rank) * spec.d + second * spec.second_columns()) * static_cast<Index>(sizeof(T));
}

template <class T>
std::optional<BadValue> KroneckerFactors<T>::first_bad_value() const {
  // Which of two findings is lower is decided by position, so a2 begins after any a1: n d < 2^56 2^10.
  constexpr Index second_offset = Index{1} << 61;
  const auto bad = [&](std::size_t factor, Index offset) {
    return first_bad_entry(dataset_names[factor], std::span<const T>(a[factor].span()), a[factor].columns(),
                           rows[factor].begin, offset);
  };
  if (const auto found = bad(0, 0)) return found;
  return bad(1, second_offset);
}

template <class T>
void require_columns(const Communicator& comm, const KroneckerFactors<T>& factors) {
  for (const std::size_t factor : {0u, 1u})
    if (const std::optional<Index> zeros = column_of_zeros(comm, factors.a[factor]))
      throw CollectiveError(ExitCode::usage, "dataset /" + std::string(dataset_names[factor]) +
                                                 " holds nothing but zeros in column " + std::to_string(*zeros) +
                                                 "; the problem needs a factor of full rank");
}

template struct KroneckerFactors<float>;
template struct KroneckerFactors<double>;
template void require_columns(const Communicator&, const KroneckerFactors<float>&);
template void require_columns(const Communicator&, const KroneckerFactors<double>&);

}  // namespace breakeven::regression
