#pragma once

#include <limits>
#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/leverage_sampler.hpp"
#include "methods/regression/kronecker_regression/problem.hpp"
#include "methods/regression/kronecker_regression/sketched_regression.hpp"

namespace breakeven::regression::kronecker_regression {

struct ProductSketchParams {
  Index rows = unknown_index;
  double tolerance = std::numeric_limits<double>::quiet_NaN();
  Index draw = 1;

  static constexpr auto fields() {
    using Params = ProductSketchParams;
    return std::tuple{
        Field{"rows", &Params::rows, "rows drawn of each factor, k; found from the tolerance unless given"},
        Field{"tolerance", &Params::tolerance,
              "residual excess to expect at worst: (1 + d/k)(1 + d2/k) = 1 + tolerance, plus d and d2 rows; 0.1 unless "
              "rows are given"},
        Field{"draw", &Params::draw, "number of the random draw: another one is an independent sample"}};
  }
};

struct ProductSketchCounts {
  Index features = 0;
  Index factor_rows = 0;

  static constexpr auto fields() {
    using Counts = ProductSketchCounts;
    return std::tuple{Field{"features", &Counts::features, "k k, draws of entries of B"},
                      Field{"factor-rows", &Counts::factor_rows, factor_rows_help}};
  }
};

/// Regression on k rows and k columns of B, drawn by the leverage scores of A1 and of A2:
/// X = argmin |S1 A1 X (S2 A2)' - S1 B S2'|_F.
///
///   LeverageSampler: drawn rows of A1 and A2 on all ranks   ->   SketchedRegression: entries (i, j) of B, X
///
/// Shapes: rows of A1 and A2 in blocks; answer X (d x d2) on all ranks.
/// Collective. Cost per rank: 4 n d^2 / P flops a factor, 2 k^2 d2 / P; k^2 / P entries of B; six messages, the largest
/// of k (d + d2 + 2) words.
/// Errors: CollectiveError where a factor is rank deficient, a sample is, or B cannot be read.
/// Source: the two levels of Gao, Song, Zhang (2024), arXiv 2402.07027 [reconstructed]; its use for regression
/// [derived, NOTES.md]: entries share rows and columns, so k^2 of them are worth fewer independent ones.
template <class T>
class ProductSketch {
 public:
  static constexpr std::string_view name = "product_sketch";
  using Params = ProductSketchParams;
  using Counts = ProductSketchCounts;

  static Params normalised(Params params);
  static void validate(const KroneckerRegressionSpec&, const Params&);
  ProductSketch(const Communicator&, const KroneckerRegressionSpec&, const Params&);
  const KroneckerRegressionSolution<T>& run(const KroneckerRegressionProblem<T>&);
  Counts counts() const { return {rows_ * rows_, sampler_.distinct_rows()}; }
  static Counts expected(const KroneckerRegressionSpec&, const Params&);
  static Schedule schedule(const KroneckerRegressionSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  KroneckerRegressionSpec spec_;
  Index rows_;
  LeverageSampler<T> sampler_;
  std::array<WeightedRows, 2> weighted_;
  SketchedRegression regression_;
  KroneckerRegressionSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_regression
