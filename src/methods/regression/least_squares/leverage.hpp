#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "methods/regression/least_squares/row_sample.hpp"
#include "methods/regression/least_squares/sketched_triangle.hpp"

namespace breakeven::regression {

struct LeverageParams {
  std::string sampling = "leverage";
  Index sample_rows = unknown_index;
  double tolerance = 0.1;
  Index directions = 16;
  Index draw = 1;

  static constexpr auto fields() {
    using Params = LeverageParams;
    return std::tuple{
        Field{"sampling", &Params::sampling, "probabilities: leverage scores, or uniform, which fails on heavy rows",
              "", std::array<std::string_view, 6>{"leverage", "uniform"}},
        Field{"sample-rows", &Params::sample_rows, "rows kept, on average; from the tolerance unless given"},
        Field{"tolerance", &Params::tolerance, "residual excess asked for"},
        Field{"directions", &Params::directions,
              "random directions from which a score is estimated; 0: scores against the sketch as they are"},
        Field{"draw", &Params::draw, "number of the random draw; draws are independent"}};
  }
};

struct LeverageCounts {
  Index rows_kept = 0;
  Index rows_scored = 0;
  Index rounds = 0;
  Index pivots_used = 0;
  bool rebalanced = false;
  double score_sum = std::numeric_limits<double>::quiet_NaN();

  static constexpr auto fields() {
    using Counts = LeverageCounts;
    return std::tuple{
        Field{"rows-kept", &Counts::rows_kept, "rows in the sample"},
        Field{"rows-scored", &Counts::rows_scored, "rows whose score was computed"},
        Field{"rounds", &Counts::rounds, "reductions until the sampling rate was found"},
        Field{"pivots-used", &Counts::pivots_used,
              "pivots of the sample's triangle above rounding level; below d the sample has lost directions of A"},
        Field{"rebalanced", &Counts::rebalanced,
              "the kept rows lay on few ranks and were shared out for the QR; nothing of A else travels", ""},
        Field{"score-sum", &Counts::score_sum,
              "sum of the estimated leverage scores: about d, or the statistical dimension with a ridge"}};
  }
};

/// Least squares on a sample of rows, drawn with probabilities that follow estimated leverage scores.
///
///   rank r: S_r A_r         ->  S A everywhere, R its triangle with the ridge      first read of A
///           |a_i R^-1 G|^2  ->  tau_i of this rank's rows, G d x 16 normal         second read
///           sum of tau      ->  rate with sum min(1, rate tau_i) = k               rounds of two words
///           coins at i      ->  kept rows, scaled by p^-1/2, shared out if few ranks hold most of them
///                           ->  triangles, folded along a tree, X = R^-1 Q'B
///
/// Shapes: rows of A, B in contiguous blocks; X (d x rhs) on every rank. B is read at kept rows only, so its columns do
/// not change k.
/// Collective. Cost per rank: 2 n d (8 + directions) / P flops for sketch and scores, k d^2 2 / P for the sample if it
/// is spread evenly (row_sample.hpp), one all_reduce of 4 d^2 words (64 d if d < 16), rounds + 1 of two words, an
/// all_gather of a word and perhaps one of k (d + rhs), a tree of d (d + 1) / 2 + d rhs words. Errors: none once
/// `validate` has passed (k >= d).
/// A sample that has lost a direction of A is a Promise of kind none. Source: Drineas, Magdon-Ismail, Mahoney, Woodruff
/// (2012) for scores from a sketch and few directions; the practical classical form of Song, Yin, Zhang (2023), arXiv
/// 2311.14823. Deviations: OSNAP instead of a Hadamard sketch, k derived (rows_for_excess(), 1.2 times that for the
/// error of the scores), independent coins instead of draws with replacement; scores of A alone, not of [A B].
template <class T>
class Leverage {
 public:
  static constexpr std::string_view name = "leverage";
  using Params = LeverageParams;
  using Counts = LeverageCounts;

  static Params normalised(Params params);
  static void validate(const LeastSquaresSpec&, const Params&);
  Leverage(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const LeastSquaresSpec&, const Params&);
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;
  /// Rows of this rank that the last run() kept.
  const std::vector<SampledRow>& kept() const { return sample_.kept(); }
  /// Kept rows that this rank factored in it.
  Index factored() const { return sample_.factored(); }

 private:
  void score(const LeastSquaresProblem<T>&);

  Communicator comm_;
  LeastSquaresSpec spec_;
  Params params_;
  Counts counts_;
  std::optional<SketchedTriangle<T>> triangle_;  // none if uniform
  Array<T> directions_;                          // R^-1 G, d x directions
  AlignedVector<T> scores_;                      // of this rank's rows
  SampleQr<T> sample_;
  LeastSquaresSolution<T> solution_;
};

/// R^-1 G with G (d x directions) independent normals of variance 1 / directions: rows a have |a R^-1 G|^2 = |a R^-1|^2
/// on average. directions = 0: R^-1 itself. Local. Source: Johnson and Lindenstrauss (1984).
template <class T>
Array<T> score_directions(const Array<T>& r, Index directions, Index draw);

}  // namespace breakeven::regression
