#include "methods/regression/least_squares/generators.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace breakeven::regression {
namespace {

constexpr Index rows_held = 2048;
constexpr Index n_reflections = 3;
constexpr double largest_factor = 0x1p40;
constexpr double neighbour_correlation = 0.9;

// One stream a random object, apart from those of sketches and sampling.
enum class Object : std::uint32_t {
  a = 200,
  noise,
  planted,
  row_factor,
  spike_rows,
  frequencies,
  row_sign,
  reflections
};

Philox random(std::uint64_t seed, Object object) {
  return {seed, static_cast<Stream>(object)};
}

/// count normals at (i, 0), (i, 1), ...
void fill_normals(const Philox& source, Index i, Index count, double* out) {
  for (Index j = 0; j + 1 < count; j += 2) {
    const auto [first, second] = source.normal_pair(i, j / 2);
    out[j] = first;
    out[j + 1] = second;
  }
  if (count % 2 == 1) out[count - 1] = source.normal(i, count / 2);
}

/// a b modulo m without overflow, 0 <= a, b < m < 2^62.
Index product_modulo(Index a, Index b, Index m) {
  Index result = 0;
  for (; b > 0; b /= 2) {
    if (b % 2 == 1) result = (result + a) % m;
    a = (2 * a) % m;
  }
  return result;
}

std::vector<double> unit_vectors(const Philox& source, Index count, Index d) {
  std::vector<double> vectors(static_cast<std::size_t>(count * d));
  for (Index r = 0; r < count; ++r) {
    double* w = vectors.data() + r * d;
    fill_normals(source, r, d, w);
    double squares = 0;
    for (Index c = 0; c < d; ++c) squares += w[c] * w[c];
    for (Index c = 0; c < d; ++c) w[c] /= std::sqrt(squares);
  }
  return vectors;
}

}  // namespace

template <class T>
GeneratedSource<T>::GeneratedSource(const LeastSquaresSpec& spec, std::uint64_t seed)
    : spec_(spec), seed_(seed), planted_(static_cast<std::size_t>(spec.d * spec.rhs)) {
  for (Index c = 0; c < spec.d; ++c)
    fill_normals(random(seed, Object::planted), c, spec.rhs, planted_.data() + c * spec.rhs);
  if (spec.data == "spike")
    spike_rows_ = sample_without_replacement(random(seed, Object::spike_rows), spec.n, spec.d / 2);
  if (spec.data != "graded") return;
  frequencies_ = sample_without_replacement(random(seed, Object::frequencies), spec.n, spec.d);
  reflections_ = unit_vectors(random(seed, Object::reflections), n_reflections, spec.d);
  for (Index j = 0; j < spec.d; ++j) {
    const double exponent = spec.d == 1 ? 0 : static_cast<double>(j) / static_cast<double>(spec.d - 1);
    // Column f of the cosine transform has the squared norm n / 2, the constant one n.
    const double norm = frequencies_[static_cast<std::size_t>(j)] == 0 ? 1 : std::numbers::sqrt2;
    scales_.push_back(norm * std::pow(spec.condition, -exponent));
  }
}

template <class T>
void GeneratedSource<T>::fill(std::string_view name, Index, Range range, std::span<T> out) const {
  if (name == "b") return fill_b(range, out.data());
  fill_a(range, out.data());
  if (range.size() > rows_held) return;
  held_a_.assign(out.begin(), out.end());
  held_ = range;
}

template <class T>
void GeneratedSource<T>::fill_a(Range range, T* out) const {
  const Index d = spec_.d;
  const bool heavy = spec_.data == "student_t" || spec_.data == "cauchy";
  std::vector<double> row(static_cast<std::size_t>(d));
  std::vector<Index> phases;
  for (Index i = range.begin; i < range.end; ++i) {
    double* const z = row.data();
    if (spec_.data == "graded")
      graded_row(i, z, phases);
    else if (spec_.data == "spike")
      spike_row(i, z);
    else
      normal_row(i, z);
    const double factor = heavy ? heavy_factor(i) : 1;
    T* const a = out + (i - range.begin) * d;
    for (Index c = 0; c < d; ++c) a[c] = static_cast<T>(factor * z[c]);
  }
}

template <class T>
void GeneratedSource<T>::fill_b(Range range, T* out) const {
  const Index d = spec_.d, rhs = spec_.rhs;
  std::vector<double> sum(static_cast<std::size_t>(rhs)), noise(static_cast<std::size_t>(rhs));
  for (Index begin = range.begin; begin < range.end; begin += rows_held) {
    const Range part{begin, std::min(begin + rows_held, range.end)};
    if (held_.begin != part.begin || held_.end != part.end) {
      held_a_.resize(static_cast<std::size_t>(part.size() * d));
      fill_a(part, held_a_.data());
      held_ = part;
    }
    for (Index i = part.begin; i < part.end; ++i) {
      const T* const a = held_a_.data() + (i - part.begin) * d;
      std::fill(sum.begin(), sum.end(), 0.0);
      for (Index c = 0; c < d; ++c)
        for (Index j = 0; j < rhs; ++j)
          sum[static_cast<std::size_t>(j)] +=
              static_cast<double>(a[c]) * planted_[static_cast<std::size_t>(c * rhs + j)];
      fill_normals(random(seed_, Object::noise), i, rhs, noise.data());
      for (Index j = 0; j < rhs; ++j)
        out[(i - range.begin) * rhs + j] =
            static_cast<T>(sum[static_cast<std::size_t>(j)] + spec_.noise * noise[static_cast<std::size_t>(j)]);
    }
  }
}

template <class T>
void GeneratedSource<T>::normal_row(Index i, double* row) const {
  fill_normals(random(seed_, Object::a), i, spec_.d, row);
  if (spec_.data != "correlated") return;
  const double fresh = std::sqrt(1 - neighbour_correlation * neighbour_correlation);
  for (Index c = 1; c < spec_.d; ++c) row[c] = neighbour_correlation * row[c - 1] + fresh * row[c];
}

template <class T>
double GeneratedSource<T>::heavy_factor(Index i) const {
  const Philox source = random(seed_, Object::row_factor);
  const double inverse =
      spec_.data == "cauchy" ? std::abs(source.normal(i)) : std::sqrt(-std::log1p(-source.uniform(i)));
  return 1 / std::max(inverse, 1 / largest_factor);
}

template <class T>
void GeneratedSource<T>::spike_row(Index i, double* row) const {
  fill_normals(random(seed_, Object::a), i, spec_.d, row);
  const auto spikes = static_cast<Index>(spike_rows_.size());
  const bool in_support = std::binary_search(spike_rows_.begin(), spike_rows_.end(), i);
  const double factor = in_support ? std::sqrt(static_cast<double>(spec_.n) / static_cast<double>(spikes)) : 0;
  for (Index c = 0; c < spikes; ++c) row[c] *= factor;
}

template <class T>
void GeneratedSource<T>::graded_row(Index i, double* row, std::vector<Index>& phases) const {
  const Index d = spec_.d, period = 4 * spec_.n;
  // cos(2 pi phase / period), phase = (2 i + 1) f modulo the period: exact integers, advanced from row to row.
  const bool first = phases.empty();
  if (first) phases.resize(static_cast<std::size_t>(d));
  const double sign = random(seed_, Object::row_sign).bits(i, 0)[0] % 2 == 0 ? 1 : -1;
  for (Index j = 0; j < d; ++j) {
    const auto at = static_cast<std::size_t>(j);
    phases[at] = first ? product_modulo(2 * i + 1, frequencies_[at], period) : phases[at] + 2 * frequencies_[at];
    if (phases[at] >= period) phases[at] -= period;
    const double angle = 2 * std::numbers::pi * static_cast<double>(phases[at]) / static_cast<double>(period);
    row[j] = sign * scales_[at] * std::cos(angle);
  }
  for (Index r = 0; r < n_reflections; ++r) {
    const double* const w = reflections_.data() + r * d;
    double along = 0;
    for (Index c = 0; c < d; ++c) along += row[c] * w[c];
    for (Index c = 0; c < d; ++c) row[c] -= 2 * along * w[c];
  }
}

template class GeneratedSource<float>;
template class GeneratedSource<double>;

}  // namespace breakeven::regression
