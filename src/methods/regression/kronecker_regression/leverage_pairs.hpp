#pragma once

#include <limits>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/leverage_sampler.hpp"
#include "methods/regression/kronecker_regression/problem.hpp"
#include "numerics/gram.hpp"

namespace breakeven::regression::kronecker_regression {

struct LeveragePairsParams {
  Index samples = unknown_index;
  double tolerance = std::numeric_limits<double>::quiet_NaN();
  Index draw = 1;

  static constexpr auto fields() {
    using Params = LeveragePairsParams;
    return std::tuple{
        Field{"samples", &Params::samples, "pairs drawn, s; found from the tolerance unless given"},
        Field{"tolerance", &Params::tolerance,
              "residual excess to expect: s = D / tolerance + D + 1, D = d d2; 0.1 unless samples are given"},
        Field{"draw", &Params::draw, "number of the random draw: another one is an independent sample"}};
  }
};

struct LeveragePairsCounts {
  Index features = 0;
  Index factor_rows = 0;

  static constexpr auto fields() {
    using Counts = LeveragePairsCounts;
    return std::tuple{Field{"features", &Counts::features, "s, pairs drawn"},
                      Field{"factor-rows", &Counts::factor_rows, factor_rows_help}};
  }
};

/// Regression on a sample of the equations: s pairs (i, j) drawn by leverage score, of B their entries alone.
///
///   LeverageSampler: drawn rows of A1 and A2 on all ranks
///   all ranks: the pairs in the order of B, equal ones once, for all their copies
///   rank r, its block of them: rows sqrt(D / s) (q_i / |q_i|) (x) (q_j / |q_j|) and entries of B weighted alike
///     ->   Gram matrix D x D and right side, all_reduce   ->   Cholesky: Y   ->   X = R1^-1 Y R2^-T
///
/// In the coordinates of Q the Gram matrix is near the identity, so normal equations lose nothing.
/// Shapes: rows of A1 and A2 in blocks; any rank reads any entry of B from the Source; answer X (d x d2) on all ranks.
/// Collective. Cost per rank: 4 n d^2 / P flops a factor, s D^2 / P, D^3 / 3; s / P entries of B; six messages, of
/// s (d + d2 + 2) and D (D + 3) / 2 words the largest. Memory: n / P + s (d + d2) + 2 D^2 words.
/// Errors: CollectiveError where a factor is rank deficient, the sample is, or B cannot be read.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027: the product distribution [stated]; its use for regression
/// and the excess D / (s - D - 1) [derived, NOTES.md].
template <class T>
class LeveragePairs {
 public:
  static constexpr std::string_view name = "leverage_pairs";
  using Params = LeveragePairsParams;
  using Counts = LeveragePairsCounts;

  static Params normalised(Params params);
  static void validate(const KroneckerRegressionSpec&, const Params&);
  LeveragePairs(const Communicator&, const KroneckerRegressionSpec&, const Params&);
  const KroneckerRegressionSolution<T>& run(const KroneckerRegressionProblem<T>&);
  Counts counts() const { return {pairs_, sampler_.distinct_rows()}; }
  static Counts expected(const KroneckerRegressionSpec&, const Params&);
  static Schedule schedule(const KroneckerRegressionSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void sort_pairs();
  void absorb_pairs(const Source<T>& source);
  void solve();

  Communicator comm_;
  KroneckerRegressionSpec spec_;
  Index pairs_;
  LeverageSampler<T> sampler_;
  /// A pair that was drawn: its place in B read row by row, one of its draws, how many they are.
  struct Drawn {
    Index place, draw, copies;
  };
  std::vector<Drawn> distinct_;
  Gram<double> gram_;
  Array<double> chunk_;
  std::vector<double> right_side_;  // of the rows of chunk_
  KroneckerRegressionSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_regression
