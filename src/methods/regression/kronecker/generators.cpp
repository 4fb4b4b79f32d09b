#include "methods/regression/kronecker/generators.hpp"

#include <algorithm>
#include <cmath>

#include "base/philox.hpp"

namespace breakeven::regression {
namespace {

constexpr double neighbour_correlation = 0.9;
constexpr Index columns_at_once = 512;  // rows of A2 generated together and used for all rows of a block of B

// One stream a random object; those of the second factor follow those of the first.
enum class Object : std::uint32_t { normal = 1, divisor = 2, of_second_factor = 2, solution = 5, noise = 6 };

Stream stream(Object object, int factor = 0) {
  return static_cast<Stream>(static_cast<std::uint32_t>(object) +
                             static_cast<std::uint32_t>(Object::of_second_factor) * static_cast<std::uint32_t>(factor));
}

/// spike: the first h = d / 2 columns live on h rows only, one each, spread over the matrix.
bool is_zero_of_spike(Index n, Index d, Index i, Index column) {
  const Index h = d / 2;
  return column < h && i != column * (n / h);
}

}  // namespace

template <class T>
KroneckerSource<T>::KroneckerSource(const KroneckerSpec& spec, double noise, std::uint64_t seed)
    : spec_(spec), noise_(noise), seed_(seed), x_(1, spec.d, spec.second_columns()) {
  const Philox random(seed, stream(Object::solution));
  for (Index p = 0; p < x_.rows(); ++p)
    for (Index q = 0; q < x_.columns(); ++q)
      x_(0, p, q) = random.normal(p, q) / std::sqrt(static_cast<double>(spec.unknowns()));
}

template <class T>
Index KroneckerSource<T>::columns(std::string_view name) const {
  return name == "a1" ? spec_.d : name == "a2" ? spec_.second_columns() : spec_.second_rows();
}

template <class T>
void KroneckerSource<T>::factor_row(int factor, Index i, double* out) const {
  const Philox normals(seed_, stream(Object::normal, factor)), divisors(seed_, stream(Object::divisor, factor));
  const Index d = spec_.columns(factor);
  for (Index c = 0; c < d; ++c) {
    const double z = normals.normal(i, c);
    if (spec_.data == "student_t")  // two degrees of freedom: half a chi-square of two is exponential
      out[c] = z / std::sqrt(-std::log1p(-divisors.uniform(i, c)));
    else if (spec_.data == "cauchy")
      out[c] = z / divisors.normal(i, c);
    else if (spec_.data == "spike")
      out[c] = is_zero_of_spike(spec_.rows(factor), d, i, c) ? 0 : z;
    else if (spec_.data == "correlated" && c > 0)
      out[c] = neighbour_correlation * out[c - 1] + std::sqrt(1 - neighbour_correlation * neighbour_correlation) * z;
    else
      out[c] = z;
  }
}

template <class T>
void KroneckerSource<T>::right_side(Range rows, Range columns, std::span<T> out) const {
  const Index d2 = spec_.second_columns();
  std::vector<double> row(static_cast<std::size_t>(spec_.d));
  Array<double> mapped(1, rows.size(), d2);  // X' a1_i
  for (Index i = 0; i < rows.size(); ++i) {
    factor_row(0, rows.begin + i, row.data());
    for (Index p = 0; p < spec_.d; ++p)
      for (Index q = 0; q < d2; ++q) mapped(0, i, q) += row[static_cast<std::size_t>(p)] * x_(0, p, q);
  }
  const Philox noise(seed_, stream(Object::noise));
  Array<double> second(1, std::min(columns.size(), columns_at_once), d2);
  for (Index begin = columns.begin; begin < columns.end; begin += columns_at_once) {
    const Index end = std::min(begin + columns_at_once, columns.end);
    for (Index j = begin; j < end; ++j) factor_row(1, j, second.row(0, j - begin));
    for (Index i = 0; i < rows.size(); ++i)
      for (Index j = begin; j < end; ++j) {
        double entry = noise_ * noise.normal(rows.begin + i, j);
        for (Index q = 0; q < d2; ++q) entry += mapped(0, i, q) * second(0, j - begin, q);
        out[static_cast<std::size_t>(i * columns.size() + j - columns.begin)] = static_cast<T>(entry);
      }
  }
}

template <class T>
void KroneckerSource<T>::fill(std::string_view name, Index slice, Range range, std::span<T> out) const {
  fill_block(name, slice, range, {0, columns(name)}, out);
}

template <class T>
void KroneckerSource<T>::fill_block(std::string_view name, Index, Range range, Range wanted, std::span<T> out) const {
  if (name == "b") return right_side(range, wanted, out);
  const int factor = name == "a1" ? 0 : 1;
  std::vector<double> row(static_cast<std::size_t>(columns(name)));
  std::size_t at = 0;
  for (Index i = range.begin; i < range.end; ++i) {
    factor_row(factor, i, row.data());
    for (Index c = wanted.begin; c < wanted.end; ++c) out[at++] = static_cast<T>(row[static_cast<std::size_t>(c)]);
  }
}

template class KroneckerSource<float>;
template class KroneckerSource<double>;

}  // namespace breakeven::regression
