#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/philox.hpp"
#include "base/source.hpp"
#include "methods/regression/least_squares/problem.hpp"

namespace breakeven::regression {

/// Synthetic A (n x d) and B = A X_true + noise N (n x rhs), entries of X_true and N independent normals; every entry
/// depends on seed, global row and column alone. z are independent normals.
///   gaussian    rows z: leverage is even, condition near (1 + sqrt(d/n)) / (1 - sqrt(d/n)); everything works
///   student_t   rows z / sqrt(e), e exponential: multivariate t with 2 degrees of freedom, infinite variance
///   cauchy      rows z / |y|, y normal: multivariate t with 1 degree, heavy rows of leverage near 1
///   spike       the first h = d/2 columns are zero but for h rows, where they are sqrt(n/h) z; the others are z. The
///               h rows have leverage near 1, and whoever misses one has lost a column
///   graded      sqrt(n) Q diag(condition^(-j/(d-1))) V', Q'Q = I, V orthogonal: singular values known exactly. Q: rows
///               of random sign of randomly chosen columns of the discrete cosine transform; V: three reflections
///   correlated  rows z with covariance 0.9^|i-j|
/// Factors of student_t and cauchy are cut at 2^40, so that squares stay finite in single precision.
/// B is computed from A as rounded to T, so that without noise B - A X_true is only the rounding of B.
/// Source: the spike matrix is a common counterexample to uniform sampling; graded data and the rest are ours.
template <class T>
class GeneratedSource final : public Source<T> {
 public:
  GeneratedSource(const LeastSquaresSpec& spec, std::uint64_t seed);
  Index columns(std::string_view name) const override { return name == "b" ? spec_.rhs : spec_.d; }

  /// X_true, d x rhs, row-major.
  std::span<const double> planted() const { return planted_; }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override;

 private:
  void fill_a(Range range, T* out) const;  ///< pure
  void fill_b(Range range, T* out) const;
  void normal_row(Index i, double* row) const;
  void spike_row(Index i, double* row) const;
  void graded_row(Index i, double* row, std::vector<Index>& phases) const;
  double heavy_factor(Index i) const;

  LeastSquaresSpec spec_;
  std::uint64_t seed_;
  std::vector<double> planted_;      // X_true
  std::vector<Index> spike_rows_;    // ascending
  std::vector<Index> frequencies_;   // of graded data: columns of the cosine transform, one a column of Q
  std::vector<double> scales_;       // singular values of graded data, with the norm of the cosines
  std::vector<double> reflections_;  // 3 x d, unit vectors
  mutable Range held_;               // the rows of A asked for last, if few: those of B are made from them next
  mutable std::vector<T> held_a_;
};

}  // namespace breakeven::regression
