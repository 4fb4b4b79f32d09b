#pragma once

#include <algorithm>
#include <span>

#include "methods/attention/forward/problem.hpp"

namespace breakeven::attention {

/// Keys and values of one rank's rows as one message: K slice after slice (slices x rows x d), then V likewise.
template <class T>
class KeyValueBlock {
 public:
  KeyValueBlock(const ForwardSpec& spec, const Layout& layout, int origin, const T* packed)
      : d_(spec.d),
        d_value_(spec.value_dimension()),
        rows_(layout.rows(origin)),
        keys_(packed),
        values_(packed + spec.slices() * rows_ * d_) {}

  /// This rank's own, where they lie.
  explicit KeyValueBlock(const ForwardProblem<T>& problem)
      : d_(problem.k.columns()),
        d_value_(problem.v.columns()),
        rows_(problem.k.rows()),
        keys_(problem.k.data()),
        values_(problem.v.data()) {}

  static Index size(const ForwardSpec& spec, Index rows) {
    return spec.slices() * rows * (spec.d + spec.value_dimension());
  }
  static void pack(const ForwardProblem<T>& problem, T* packed) {
    packed = std::copy(problem.k.span().begin(), problem.k.span().end(), packed);
    std::copy(problem.v.span().begin(), problem.v.span().end(), packed);
  }

  const T* keys(Index slice, Index row) const { return keys_ + (slice * rows_ + row) * d_; }
  const T* values(Index slice, Index row) const { return values_ + (slice * rows_ + row) * d_value_; }

 private:
  Index d_, d_value_, rows_;
  const T* keys_;
  const T* values_;
};

}  // namespace breakeven::attention
