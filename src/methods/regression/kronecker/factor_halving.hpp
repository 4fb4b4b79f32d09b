#pragma once

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/weighted_rows.hpp"
#include "methods/regression/repeated_halving.hpp"

namespace breakeven::regression {

/// What the halving of one factor came to, equal on all ranks.
struct HalvingCounts : HalvingSteps {
  Index kept = 0;    ///< rows of the last sample
  Index scored = 0;  ///< rows whose score the simulation computed
};

/// Rows of one factor by repeated halving, as a quantum computer would find them, and what that would query.
///
///   RepeatedHalving: scores against B_0   ->   coins for `last_rows` rows in the mean   ->   the answer, on all ranks
///
/// Collective. Messages: those of RepeatedHalving, a scan, the counts, the kept rows. Cost per rank: about 6 n d^2 / P
/// flops. Memory: two words a row and the kept rows.
/// Errors: CollectiveError if a sample lacks rank after three doublings, as a rank-deficient factor does.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027 [reconstructed].
template <class T>
class FactorHalving {
 public:
  /// `factor` tells the random numbers of the two factors apart.
  FactorHalving(const Communicator& comm, Index n, Index d, int factor, double oversampling, Index draw);

  /// a: this rank's block of rows.
  void run(const Array<T>& a, Index last_rows, QueryLedger& ledger);
  const WeightedRows& rows() const { return answer_; }
  const HalvingCounts& counts() const { return counts_; }
  const Array<double>& halved() const { return halving_.r(); }  ///< R of B_0

  /// Counts to expect, and the ledger charged for them.
  static HalvingCounts expected(Index n, Index d, double oversampling, Index last_rows, QueryLedger& ledger);
  static void add_steps(Index n, Index d, const HalvingCounts& counts, int ranks, int rank, Schedule& schedule);
  static Index bytes(Index n, Index d, const HalvingCounts& counts, int ranks, int rank);

 private:
  void gather(const Array<T>& a, const std::vector<KeptRow>& mine);

  Communicator comm_;
  Index n_, d_;
  RepeatedHalving<T> halving_;
  AlignedVector<double> gathered_;  // kept rows, each with its index and its weight behind it
  HalvingCounts counts_;
  WeightedRows answer_;
};

}  // namespace breakeven::regression
