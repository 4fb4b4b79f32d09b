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
///   rank r: how many rows it keeps   ->   all_gather: how they are spread
///   if a few ranks hold most: kept rows of [A_r B_r]   ->   all_gather: all of them, each rank takes an equal share
///   rank r: its own kept rows, or its share -> [R_r Q_r'B_r]   ->   folded along a tree, [R Q'B] everywhere
/// A rank that keeps all k rows would let the others wait for 2 k d^2 operations, however many they are (NOTES.md).
template <class T>
class SampleQr {
 public:
  SampleQr(const Communicator& comm, const LeastSquaresSpec& spec);

  /// State of TriangleQr, equal on all ranks. Collective: an all_gather of a word; if rebalanced() one of the kept
  /// rows; one combine of reduced_bytes().
  std::span<const T> solve(const LeastSquaresProblem<T>& problem, std::span<const T> scores,
                           const RowSampling& sampling);
  /// Rows of this rank that the last solve() kept, ascending.
  const std::vector<SampledRow>& kept() const { return kept_; }
  Index kept_on_all_ranks() const;
  /// Whether the last solve() shared the kept rows out, equal on all ranks; how many this rank factored.
  bool rebalanced() const { return rebalanced_; }
  Index factored() const { return factored_; }

  static Index reduced_bytes(const LeastSquaresSpec& spec);
  /// What the constructor allocates, and the block that arrives in the tree; of `gathered` kept rows on every rank too.
  static Index bytes(const LeastSquaresSpec& spec, Index gathered);

 private:
  void choose(const LeastSquaresProblem<T>& problem, std::span<const T> scores, const RowSampling& sampling);
  void count_kept();
  /// The l-th kept row, times its scale.
  void write_scaled(const LeastSquaresProblem<T>& problem, Index l, T* a, T* b) const;
  void gather(const LeastSquaresProblem<T>& problem);
  /// Factors `rows` rows, the l-th of which write(l, a, b) writes.
  template <class Write>
  void absorb(Index rows, const Write& write);

  Communicator comm_;
  LeastSquaresSpec spec_;
  TriangleQr<T> triangle_;
  Array<T> a_, b_;  // kept rows, scaled, a block of them
  AlignedVector<T> state_;
  AlignedVector<T> own_, all_;  // if rebalanced: kept rows of this rank, of all, right sides behind each
  std::vector<SampledRow> kept_;
  std::vector<Index> kept_by_rank_;
  bool rebalanced_ = false;
  Index factored_ = 0;
};

}  // namespace breakeven::regression
