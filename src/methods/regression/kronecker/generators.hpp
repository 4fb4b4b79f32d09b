#pragma once

#include <cstdint>
#include <string_view>

#include "base/source.hpp"
#include "methods/regression/kronecker/factors.hpp"

namespace breakeven::regression {

/// Synthetic factors a1, a2 and right side b, functions of seed and global indices alone:
///   b(i, j) = <a1_i, X a2_j> + noise e(i, j),   X (d x d2) normal of variance 1 / (d d2)
/// so that any entry of b can be computed by itself. e is standard normal.
/// Cost: of an entry of b O(d d2); of a block of b O(d2) an entry. Nothing of size n is stored.
template <class T>
class KroneckerSource final : public Source<T> {
 public:
  /// `noise` is of no account where b is not asked for.
  KroneckerSource(const KroneckerSpec& spec, double noise, std::uint64_t seed);

  Index columns(std::string_view name) const override;

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override;
  void fill_block(std::string_view name, Index slice, Range range, Range columns, std::span<T> out) const override;

 private:
  void factor_row(int factor, Index i, double* out) const;
  void right_side(Range rows, Range columns, std::span<T> out) const;

  KroneckerSpec spec_;
  double noise_;
  std::uint64_t seed_;
  Array<double> x_;
};

}  // namespace breakeven::regression
