#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "methods/regression/least_squares/problem.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression {

/// A row of the sample: where it stands in A, and the factor that keeps sums over the sample unbiased.
struct SampledRow {
  Index i_global = 0;
  double scale = 1;  ///< p^-1/2
};

/// Which rows are kept: row i with probability p_i = min(1, rate score_i), by a coin that depends on `draw` and i
/// alone.
struct RowSampling {
  double rate = 0;  ///< infinite: every row whose score is not zero
  std::uint64_t draw = 1;

  double probability(double score) const;
  bool keeps(Index i_global, double probability) const;
};

/// The rate with which the expected number of rows kept, sum over all ranks of min(1, rate score_i), is `rows`, or all
/// rows if there are no more. Rows that are kept for sure leave the more for the others, so the rate is found in
/// rounds; each makes more rows sure, and it is found when there are no new ones. Collective: the first all_reduce, of
/// two words, and one more a round, until the agreed number of sure rows stays.
struct SamplingRate {
  double rate = 0;
  double score_sum = 0;   ///< over the rows of all ranks
  Index rows_scored = 0;  ///< as counted by the ranks
  Index rounds = 0;
};
template <class T>
SamplingRate sampling_rate(const Communicator& comm, std::span<const T> scores, double rows);

/// R and Q'B of the kept rows, each scaled by p^-1/2, of all ranks; the ridge is exact.
///   rank r: kept rows of [A_r B_r] -> [R_r Q_r'B_r]   ->   folded along a tree, [R Q'B] everywhere
template <class T>
class SampleQr {
 public:
  SampleQr(const Communicator& comm, const LeastSquaresSpec& spec);

  /// State of TriangleQr, equal on all ranks. Collective, one combine of reduced_bytes().
  std::span<const T> solve(const LeastSquaresProblem<T>& problem, std::span<const T> scores,
                           const RowSampling& sampling);
  /// Rows of this rank that the last solve() kept, ascending.
  const std::vector<SampledRow>& kept() const { return kept_; }

  static Index reduced_bytes(const LeastSquaresSpec& spec);
  /// What the constructor allocates, and the block that arrives in the tree.
  static Index bytes(const LeastSquaresSpec& spec);

 private:
  void absorb_gathered(Index rows) { triangle_.absorb(a_.data(), b_.data(), rows); }

  Communicator comm_;
  LeastSquaresSpec spec_;
  TriangleQr<T> triangle_;
  Array<T> a_, b_;  // kept rows, scaled, a block of them
  AlignedVector<T> state_;
  std::vector<SampledRow> kept_;
};

}  // namespace breakeven::regression
