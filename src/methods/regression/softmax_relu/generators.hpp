#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/philox.hpp"
#include "base/source.hpp"
#include "methods/regression/softmax_relu/problem.hpp"

namespace breakeven::regression {

/// Synthetic A1, A2, w and b; every entry depends on seed and global indices alone.
///   a1  n x d, columns of norm about sqrt(n / d), so that x of order 1 gives z = A1 x of order 1
///         gaussian    independent normal entries
///         student_t   gaussian rows, each divided by sqrt of an exponential variable: Student's t with 2 degrees of
///                     freedom, a few rows carry most of A1'A1
///         correlated  neighbouring columns correlated, .9^|i-j|
///       `density` below 1 keeps that share of the entries, the rest are 0.
///   a2  n x m, A2 transposed: normal entries of size sqrt(n), so that u = A2 f moves by order 1 with x; their absolute
///       values if signs are positive. `nonzeros` a column of A2, one in each of as many blocks of rows.
///   b   m, the mean of u plus a normal variable
///   w   n, w_i^2 = dominance * curvature() * (1/2 + U)
/// Source: ours; the size of the curvature is derived in NOTES.md.
template <class T>
class SoftmaxReluSource final : public Source<T> {
 public:
  SoftmaxReluSource(const SoftmaxReluSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed) {}
  Index columns(std::string_view name) const override { return name == "a1" ? spec_.d : name == "a2" ? spec_.m : 1; }

  /// Expected norm of the loss's curvature B on the range of A1, at small x and independent A1 and A2.
  double curvature() const;

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override;

 private:
  void fill_a1(Index i, std::span<T> row) const;
  void fill_a2(Index i, std::span<T> row) const;
  double weight(Index i) const;
  double target(Index j) const;

  SoftmaxReluSpec spec_;
  std::uint64_t seed_;
};

}  // namespace breakeven::regression
