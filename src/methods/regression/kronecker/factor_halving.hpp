#pragma once

#include <vector>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/weighted_rows.hpp"
#include "methods/regression/query_ledger.hpp"
#include "methods/regression/score_histogram.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression {

/// What the halving of one factor came to, equal on all ranks.
struct HalvingCounts {
  Index levels = 0;   ///< halvings of the rows
  Index retries = 0;  ///< steps redone with oversampling doubled
  Index kept = 0;     ///< rows of the last sample
  Index scored = 0;   ///< rows whose score the simulation computed
};

/// Rows of one factor by repeated halving, as a quantum computer would find them; a ledger is charged what amplitude
/// amplification would query for the same samples.
///
///   level l holds the rows whose hash begins with l zero bits
///   A_L (about 6 d ln d rows, read outright)   ->   R_L
///   A_l: scores |R_{l+1}^-T a_i|^2, coins with c ln(d) times the score   ->   B_l, R_l        l = L - 1 ... 0
///   A_0: scores |R_0^-T a_i|^2, coins for `last_rows` rows in the mean   ->   the answer, on all ranks
///
/// In float64; coins and hashes belong to global rows, so the sample does not depend on the number of ranks.
/// Collective. Messages: 1 + levels + retries combinations of d (d + 1) / 2 + 2 words, the histogram, a scan, the
/// counts, the kept rows. Cost per rank: about 6 n d^2 / P flops. Memory: two words a row and the kept rows.
/// Errors: CollectiveError if a sample lacks rank after three doublings, as a rank-deficient factor does.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027, on Apers and Gribling (2023) [reconstructed]; generalised scores
/// after Cohen et al. (2015).
template <class T>
class FactorHalving {
 public:
  /// `factor` tells the random numbers of the two factors apart.
  FactorHalving(const Communicator& comm, Index n, Index d, int factor, double oversampling, Index draw);

  /// a: this rank's block of rows.
  void run(const Array<T>& a, Index last_rows, QueryLedger& ledger);
  const WeightedRows& rows() const { return answer_; }
  const HalvingCounts& counts() const { return counts_; }

  /// Counts to expect, and the ledger charged for them.
  static HalvingCounts expected(Index n, Index d, double oversampling, Index last_rows, QueryLedger& ledger);
  static void add_steps(Index n, Index d, const HalvingCounts& counts, int ranks, int rank, Schedule& schedule);
  static Index bytes(Index n, Index d, const HalvingCounts& counts, int ranks, int rank);

 private:
  /// Of a step: rows it was drawn from, rows kept, all ranks; the rank of the kept ones.
  struct Step {
    Index level_rows = 0, kept = 0, rank = 0;
  };

  void score(const Array<T>& a, Index level);
  Step draw(const Array<T>& a, Index level, double scale);
  void halve(const Array<T>& a, Index level, Index& rank, QueryLedger& ledger);
  void gather_last(const Array<T>& a, double scale);
  double probability(Index position, Index coin_column, double scale) const;
  Index rows_of(Index level) const { return level_rows_[static_cast<std::size_t>(level)]; }

  Communicator comm_;
  Index n_, d_;
  int factor_;
  double oversampling_;
  Index draw_;
  Index first_row_;
  std::vector<Index> order_;       // this rank's rows, those of the highest level first
  std::vector<Index> level_rows_;  // [level]: how many of order_ belong to it
  std::vector<double> scores_;     // in that order
  Array<double> block_;            // some rows, gathered
  TriangleQr<double> qr_;
  AlignedVector<double> message_;  // R, then rows of the level, rows kept
  ScoreHistogram histogram_;
  AlignedVector<double> gathered_;  // kept rows, each with its index and its weight behind it
  HalvingCounts counts_;
  WeightedRows answer_;
};

}  // namespace breakeven::regression
