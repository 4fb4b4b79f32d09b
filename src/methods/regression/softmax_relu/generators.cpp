#include "methods/regression/softmax_relu/generators.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace breakeven::regression {
namespace {

// One stream a random object.
enum class Object : std::uint32_t { a1 = 401, a1_scale, a1_kept, a2, a2_place, b, w, start };

Philox random(std::uint64_t seed, Object object) {
  return {seed, static_cast<Stream>(object)};
}

constexpr double neighbour_correlation = 0.9;
const double mean_of_absolute_normal = std::sqrt(2 / std::numbers::pi);

}  // namespace

std::vector<double> softmax_relu_start(const SoftmaxReluSpec& spec) {
  std::vector<double> x(static_cast<std::size_t>(spec.d));
  for (Index j = 0; j < spec.d; ++j)
    x[static_cast<std::size_t>(j)] = spec.start_distance * random(1, Object::start).normal(j);
  return x;
}

template <class T>
double SoftmaxReluSource<T>::curvature() const {
  const double m = static_cast<double>(spec_.m), d = static_cast<double>(spec_.d), n = static_cast<double>(spec_.n);
  return (std::pow(std::sqrt(m) + std::sqrt(d), 2) + 2 * std::numbers::sqrt2 * std::sqrt(m * d)) / n;
}

template <class T>
void SoftmaxReluSource<T>::fill_a1(Index i, std::span<T> row) const {
  const Philox entries = random(seed_, Object::a1), kept = random(seed_, Object::a1_kept);
  double scale = 1 / std::sqrt(static_cast<double>(spec_.d) * spec_.density);
  if (spec_.data == "student_t") scale /= std::sqrt(-std::log1p(-random(seed_, Object::a1_scale).uniform(i)));
  const bool correlated = spec_.data == "correlated";
  const double fresh = std::sqrt(1 - neighbour_correlation * neighbour_correlation);
  double previous = 0;
  for (Index j = 0; j < spec_.d; ++j) {
    double entry = entries.normal(i, j);
    if (correlated && j > 0) entry = neighbour_correlation * previous + fresh * entry;
    previous = entry;
    const bool keep = spec_.density >= 1 || kept.uniform(i, j) < spec_.density;
    row[static_cast<std::size_t>(j)] = keep ? static_cast<T>(scale * entry) : T(0);
  }
}

template <class T>
void SoftmaxReluSource<T>::fill_a2(Index i, std::span<T> row) const {
  const Philox entries = random(seed_, Object::a2), place = random(seed_, Object::a2_place);
  const bool positive = spec_.signs == "positive";
  const auto value = [&](Index k, double scale) {
    const double normal = entries.normal(i, k);
    return static_cast<T>(scale * (positive ? std::abs(normal) : normal));
  };
  const double size = std::sqrt(static_cast<double>(spec_.n));
  if (spec_.nonzeros == 0) {
    for (Index j = 0; j < spec_.m; ++j) row[static_cast<std::size_t>(j)] = value(j, size);
    return;
  }
  std::fill(row.begin(), row.end(), T(0));
  const double scale = size * std::sqrt(static_cast<double>(spec_.m) / static_cast<double>(spec_.nonzeros));
  for (Index k = 0; k < spec_.nonzeros; ++k) {
    const Range part = block(spec_.m, spec_.nonzeros, k);
    row[static_cast<std::size_t>(part.begin + place.below(part.size(), i, k))] = value(k, scale);
  }
}

template <class T>
double SoftmaxReluSource<T>::weight(Index i) const {
  return std::sqrt(spec_.dominance * curvature() * (0.5 + random(seed_, Object::w).uniform(i)));
}

template <class T>
double SoftmaxReluSource<T>::target(Index j) const {
  const double share = spec_.nonzeros == 0 ? 1 : static_cast<double>(spec_.nonzeros) / static_cast<double>(spec_.m);
  const double mean =
      spec_.signs == "positive" ? mean_of_absolute_normal * std::sqrt(static_cast<double>(spec_.n) * share) : 0;
  return mean + random(seed_, Object::b).normal(j);
}

template <class T>
void SoftmaxReluSource<T>::fill(std::string_view name, Index, Range range, std::span<T> out) const {
  const auto width = static_cast<std::size_t>(columns(name));
  for (Index i = range.begin; i < range.end; ++i) {
    const std::span<T> row = out.subspan(static_cast<std::size_t>(i - range.begin) * width, width);
    if (name == "a1")
      fill_a1(i, row);
    else if (name == "a2")
      fill_a2(i, row);
    else
      row[0] = static_cast<T>(name == "w" ? weight(i) : target(i));
  }
}

template class SoftmaxReluSource<float>;
template class SoftmaxReluSource<double>;

}  // namespace breakeven::regression
