#include "methods/inner_product/relu_training/generators.hpp"

#include <cmath>

#include "base/philox.hpp"

namespace breakeven::inner_product {
namespace {

// One stream a random object.
enum class Object : std::uint32_t { centre = 540, input, neuron, input_cluster, neuron_cluster, magnitude, c, target };

Philox random(std::uint64_t seed, Object object) {
  return {seed, static_cast<Stream>(object)};
}

double coin(const Philox& random, Index i, Index j = 0) {
  return (random.bits(i, j)[0] & 1) != 0 ? -1 : 1;
}

}  // namespace

template <class T>
Index ReluTrainingSource<T>::cluster_of(bool neuron, Index row) const {
  return random(seed_, neuron ? Object::neuron_cluster : Object::input_cluster).below(spec_.clusters, row);
}

template <class T>
double ReluTrainingSource<T>::sign(bool neuron, Index row, Index cluster, Index column) const {
  const Philox own = random(seed_, neuron ? Object::neuron : Object::input);
  if (!clustered()) return coin(own, row, column);
  const double centre = coin(random(seed_, Object::centre), cluster, column);
  return own.uniform(row, column) < (1 - spec_.alignment) / 2 ? -centre : centre;
}

template <class T>
double ReluTrainingSource<T>::entry(std::string_view name, Index row) const {
  const auto clusters = static_cast<double>(clustered() ? spec_.clusters : 1);
  if (name == "c")
    return std::sqrt(clusters / static_cast<double>(spec_.neurons)) * random(seed_, Object::c).normal(row);
  return coin(random(seed_, Object::target), clustered() ? cluster_of(false, row) : row);
}

template <class T>
void ReluTrainingSource<T>::fill(std::string_view name, Index, Range range, std::span<T> out) const {
  const auto width = static_cast<std::size_t>(columns(name));
  const bool neuron = name == "v";
  for (Index i = range.begin; i < range.end; ++i) {
    const std::span<T> row = out.subspan(static_cast<std::size_t>(i - range.begin) * width, width);
    if (name != "x" && !neuron) {
      row[0] = static_cast<T>(entry(name, i));
      continue;
    }
    const Index cluster = clustered() ? cluster_of(neuron, i) : 0;
    for (Index j = 0; j < spec_.d; ++j) {
      const double magnitude = neuron ? std::abs(random(seed_, Object::magnitude).normal(i, j)) : 1;
      row[static_cast<std::size_t>(j)] = static_cast<T>(sign(neuron, i, cluster, j) * magnitude);
    }
  }
}

template class ReluTrainingSource<float>;
template class ReluTrainingSource<double>;

}  // namespace breakeven::inner_product
