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
#include "methods/regression/repeated_halving.hpp"
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

struct QuantumCounts : HalvingSteps, QueryCounts {
  Index final_retries = 0;
  Index rows_kept = 0;
  Index rows_scored = 0;
  double statistical_dimension = 0;

  static constexpr auto fields() {
    using Counts = QuantumCounts;
    return std::tuple_cat(
        std::tuple{Field{"levels", &Counts::levels, "halvings of the rows"},
                   Field{"halving-retries", &Counts::retries, "halving steps redone, oversampling doubled"},
                   Field{"halving-overshoot", &Counts::overshoot, halving_overshoot_help},
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
///   RepeatedHalving: B_0, scores of all rows   ->   k from tolerance and statistical dimension
///   coins for k rows   ->   weighted TSQR with right sides   ->   X
///
/// With ridge > 0 the scores are those of the ridge problem, and k follows its statistical dimension.
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
  /// R and Q'B of a last sample with `rows` rows expected, into message_; its rank. Collective, one combination.
  Index draw_last(const LeastSquaresProblem<T>&, double rows);
  /// The QR of this rank's rows of it.
  void absorb(const LeastSquaresProblem<T>&, const std::vector<KeptRow>& kept);
  void solve();
  std::span<const double> packed() const;

  Communicator comm_;
  LeastSquaresSpec spec_;
  Params params_;
  Counts counts_;
  RepeatedHalving<T> halving_;
  AlignedVector<double> block_, rhs_;  // some rows of A and B, gathered and weighted
  TriangleQr<double> qr_;
  AlignedVector<double> message_;  // R, Q'B, then what is counted
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
