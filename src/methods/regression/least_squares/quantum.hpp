#pragma once

#include <limits>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/least_squares/problem.hpp"
#include "methods/regression/query_ledger.hpp"
#include "methods/regression/score_histogram.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression {

struct QuantumParams {
  double tolerance = 0.1;
  double oversampling = 2;
  double final_factor = std::numeric_limits<double>::quiet_NaN();
  Index draw = 1;

  static constexpr auto fields() {
    using Params = QuantumParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "residual excess asked for"},
        Field{"oversampling", &Params::oversampling, "c of the halving steps, which keep a row with c ln(d) its score"},
        Field{"final-factor", &Params::final_factor,
              "the last sample keeps factor d / tolerance rows; 1.5, more at small d, unless given (NOTES.md)"},
        Field{"draw", &Params::draw, "which random sample; no part of the data's seed"}};
  }
};

struct QuantumCounts : QueryCounts {
  Index levels = 0;
  Index halving_retries = 0;
  Index final_retries = 0;
  Index rows_kept = 0;
  Index rows_scored = 0;
  double statistical_dimension = 0;

  static constexpr auto fields() {
    using Counts = QuantumCounts;
    return std::tuple_cat(
        std::tuple{Field{"levels", &Counts::levels, "halvings of the rows"},
                   Field{"halving-retries", &Counts::halving_retries, "halving steps redone, oversampling doubled"},
                   Field{"final-retries", &Counts::final_retries, "last samples redone, twice as large"},
                   Field{"rows-kept", &Counts::rows_kept, "rows of the last sample, which give the answer"},
                   Field{"rows-scored", &Counts::rows_scored, "rows whose score the simulation computed: its own cost"},
                   Field{"statistical-dimension", &Counts::statistical_dimension,
                         "d if ridge is 0; sum of s^2 / (s^2 + ridge) over the singular values of the halved sample"}},
        QueryCounts::fields());
  }
};

/// Least squares from a sample of rows that a quantum computer would find with few queries: repeated halving, then a
/// last sample of k rows. Here the sampling is exact and classical, so every score is computed (three for each row of
/// A), and a ledger adds up the queries that amplitude amplification would have drawn for the same samples.
///
///   level l holds the rows whose hash begins with l zero bits; nothing travels, nothing is stored but an order of rows
///   A_L ── TSQR ──> R_L                                       A_L: about 6 d ln d rows, read outright
///   A_l: scores |R_{l+1}^-T a_i|^2 ─ coins ─> B_l ── TSQR ──> R_l      l = L - 1 ... 0, one combine each
///   A_0: scores |R_0^-T a_i|^2 ─ one all_reduce finds their scale ─ coins ─> k rows ── weighted TSQR ──> X
///
/// Rows in directions that the coarser sample has not seen have unbounded scores and are always kept. With ridge > 0
/// the scores are those of the ridge problem, and k follows its statistical dimension.
/// Shapes: A, B in contiguous row blocks; returns X (d x rhs), equal on all ranks.
/// Collective. Cost per rank: 6 n d^2 / P flops; L + 2 combinations of d^2 / 2 words, one all_reduce of 6 KiB.
/// Memory: two words a row and O(d (d + rhs)).
/// Errors: all ranks fail alike if a sample lacks rank after three doublings, as a rank-deficient A without ridge does.
/// Source: Song, Yin, Zhang (2023), arXiv 2311.14823, on Apers and Gribling (2023); generalised scores after Cohen et
/// al. (2015). Deviations: NOTES.md; k ~ d / tolerance rows for regression instead of d / tolerance^2.
template <class T>
class Quantum {
 public:
  static constexpr std::string_view name = "quantum";
  using Params = QuantumParams;
  using Counts = QuantumCounts;

  static void validate(const LeastSquaresSpec&, const Params&);
  Quantum(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const LeastSquaresSpec&, const Params&);
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  /// What a sample tells about A: R of its weighted rows, and what turns a row into its score.
  struct Sample {
    Index level_rows = 0;    ///< rows it was drawn from, all ranks
    Index kept = 0;          ///< all ranks
    Index rank = 0;          ///< numerical rank of R
    Array<double> whitener;  ///< R^-1, unseen directions blown up; empty for the last sample
  };

  /// The QR of a sample: this rank's rows, then, in the message, those of all ranks.
  struct Triangle {
    Triangle(Index d, Index n_rhs);
    static Index message_size(Index d, Index n_rhs);
    std::span<const double> packed() const;

    Index n_rhs;
    TriangleQr<double> qr;
    AlignedVector<double> message;  // R, Q'B, then what is counted
  };

  Sample read_coarsest(const LeastSquaresProblem<T>&);
  Sample halve(const LeastSquaresProblem<T>&, Index level, const Sample& coarser);
  void draw_last(const LeastSquaresProblem<T>&, const Sample& halved);
  void solve();
  /// scores_ of the rows of a level.
  void score(const LeastSquaresProblem<T>&, Index level, const Array<double>& whitener);
  /// Keeps each row of a level with probability min(1, scale * score). Collective, one combination.
  Sample draw(const LeastSquaresProblem<T>&, Index level, Index coin_column, double scale, Triangle&);
  /// The coins and the QR of this rank; how many rows were kept.
  Index absorb_kept(const LeastSquaresProblem<T>&, Index level, Index coin_column, double scale, Triangle&);
  void gather_row(const LeastSquaresProblem<T>&, Index position, double weight, bool right_sides);
  Index rows_of(Index level) const { return level_rows_[static_cast<std::size_t>(level)]; }

  Communicator comm_;
  LeastSquaresSpec spec_;
  Params params_;
  Counts counts_;
  QueryLedger ledger_;
  std::vector<Index> order_;           // this rank's rows, those of the highest level first
  std::vector<Index> level_rows_;      // [level]: how many of order_ belong to it
  std::vector<double> scores_;         // in that order
  Index rows_scored_ = 0;              // by this rank
  AlignedVector<double> block_, rhs_;  // some rows of A and B, gathered and weighted
  Index gathered_ = 0;
  Triangle halved_, last_;  // without and with right sides
  ScoreHistogram histogram_;
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
