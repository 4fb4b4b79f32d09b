#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/philox.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/query_ledger.hpp"
#include "methods/regression/score_histogram.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression {

/// max(1, ln d), what a sample takes beyond a constant times d rows.
double log_dimension(Index d);

/// What methods say of HalvingSteps::overshoot.
inline constexpr std::string_view halving_overshoot_help =
    "expected rows of the halved sample over c ln(d) d: 1 for scores against A itself, about 2 against half of its "
    "rows";

/// Of which matrix, and how.
struct HalvingSpec {
  Index n = 0, d = 0;
  double ridge = 0;
  double oversampling = 2;  ///< c: a step keeps a row with probability c ln(d) times its score
  Index draw = 1;
  Stream level_stream{}, coin_stream{};
  std::string dataset;  ///< named where the halving fails
};

/// What a halving came to, equal on all ranks.
struct HalvingSteps {
  Index levels = 0;   ///< halvings of the rows
  Index retries = 0;  ///< steps redone with oversampling doubled
  /// Expected rows of B_0 over c ln(d) d, c as it was when the step succeeded; NaN without a level.
  double overshoot = std::numeric_limits<double>::quiet_NaN();
};

/// A row that a sample keeps.
struct KeptRow {
  Index local = 0;    ///< of this rank's rows
  double weight = 1;  ///< p^-1/2
};

/// A small weighted sample B_0 of the rows of A, found as a quantum computer would with few queries; a ledger is
/// charged what amplitude amplification would query for the same samples. Here they are drawn exactly and classically,
/// which takes every score.
///
///   level l holds the rows whose hash begins with l zero bits; nothing travels, nothing is stored but an order of rows
///   A_L (about 6 d ln d rows, read outright)   ->   R_L
///   A_l: scores |R_{l+1}^-T a_i|^2, coins with c ln(d) times the score   ->   B_l, R_l        l = L - 1 ... 0
///   A_0: scores |R_0^-T a_i|^2   ->   a last sample of as many rows as the caller wants
///
/// Rows in directions that the coarser sample has not seen have unbounded scores and are always kept. With a ridge the
/// scores are those of [A; sqrt(ridge) I].
/// In float64; coins and hashes belong to global rows, so the samples do not depend on the number of ranks.
/// Collective. Messages: 1 + levels + retries combinations of d (d + 1) / 2 + 3 words, the histogram. Cost per rank:
/// about 6 n d^2 / P flops. Memory: two words a row.
/// Errors: CollectiveError if a sample lacks rank after three doublings, as dependent columns without a ridge do.
/// Source: Apers and Gribling (2023), arXiv 2311.03215, [reconstructed]; generalised scores after Cohen et al. (2015).
template <class T>
class RepeatedHalving {
 public:
  RepeatedHalving(const Communicator& comm, const HalvingSpec& spec);

  /// a: this rank's block of rows. Finds B_0 and the scores of all rows against it.
  void run(const Array<T>& a, QueryLedger& ledger);

  const HalvingSteps& steps() const { return steps_; }
  const Array<double>& r() const { return r_; }                ///< d x d, R'R = B_0'B_0 + ridge I
  const Array<double>& whitener() const { return whitener_; }  ///< d x d: |a whitener|^2 is the score of a row a
  Index scored() const { return scored_; }                     ///< rows whose score this rank computed
  Index rows_read() const { return scored_ + kept_; }          ///< rows of A that this rank read

  /// This rank's rows of a last sample with `rows` expected on all ranks together, ascending. Local; larger samples
  /// hold smaller ones.
  std::vector<KeptRow> last_sample(double rows) const;

  /// Steps to expect, and the ledger charged for them; adds the rows that will be scored.
  static HalvingSteps expected(Index n, Index d, double oversampling, QueryLedger& ledger, Index& scored);
  static void add_steps(Index n, Index d, const HalvingSteps& steps, int ranks, int rank, Schedule& schedule);
  static Index bytes(Index n, Index d, int ranks, int rank);

 private:
  /// Of a step, on all ranks: rows it was drawn from, rows kept, sum of their probabilities; the rank of the kept ones.
  struct Drawn {
    Index level_rows = 0, kept = 0;
    double expected = 0;
    Index rank = 0;
  };

  void halve(const Array<T>& a, Index level, Index& rank, QueryLedger& ledger);
  void score(const Array<T>& a, Index level);
  Drawn draw(const Array<T>& a, Index level, double scale);
  double probability(Index position, double scale) const;
  bool keeps(Index position, Index coin_column, double probability) const;
  Index row_at(Index position) const { return order_[static_cast<std::size_t>(position)]; }
  Index rows_of(Index level) const { return level_rows_[static_cast<std::size_t>(level)]; }

  Communicator comm_;
  HalvingSpec spec_;
  Index first_row_;
  std::vector<Index> order_;       // this rank's rows, those of the highest level first
  std::vector<Index> level_rows_;  // [level]: how many of order_ belong to it
  std::vector<double> scores_;     // in that order
  Array<double> block_;            // some rows, gathered
  TriangleQr<double> qr_;
  AlignedVector<double> message_;  // R, then what is added up
  ScoreHistogram histogram_;
  HalvingSteps steps_;
  Array<double> r_, whitener_;
  Index scored_ = 0, kept_ = 0;  // by this rank
};

}  // namespace breakeven::regression
