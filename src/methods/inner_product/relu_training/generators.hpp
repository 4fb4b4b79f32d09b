#pragma once

#include <cstdint>
#include <string_view>

#include "base/source.hpp"
#include "methods/inner_product/relu_training/problem.hpp"

namespace breakeven::inner_product {

/// Synthetic inputs X, weights V and c, targets y; every entry depends on seed, row and column alone.
///   clustered  centres of fair signs; each input and each neuron is near one of them, drawn for it, with signs flipped
///              with probability (1 - alignment) / 2: an input and a neuron of one cluster correlate at alignment^2 in
///              the mean, all others at 0. Targets are +1 or -1, one coin a cluster.
///   uniform    fair signs throughout; targets are coins.
/// V has normal magnitudes, c is normal with variance clusters / neurons.
/// Source: ours.
template <class T>
class ReluTrainingSource final : public Source<T> {
 public:
  ReluTrainingSource(const ReluTrainingSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed) {}
  Index columns(std::string_view name) const override { return name == "x" || name == "v" ? spec_.d : 1; }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override;

 private:
  bool clustered() const { return spec_.data == "clustered"; }
  Index cluster_of(bool neuron, Index row) const;
  double sign(bool neuron, Index row, Index cluster, Index column) const;
  double entry(std::string_view name, Index row) const;

  ReluTrainingSpec spec_;
  std::uint64_t seed_;
};

}  // namespace breakeven::inner_product
