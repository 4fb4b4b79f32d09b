#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/leverage_sampler.hpp"
#include "methods/regression/kronecker_spectral/problem.hpp"
#include "numerics/sketch.hpp"

namespace breakeven::regression::kronecker_spectral {

struct ProductSketchParams {
  Index rows = unknown_index;
  double tolerance = std::numeric_limits<double>::quiet_NaN();
  std::string sketch = "leverage";
  Index draw = 1;

  static constexpr auto fields() {
    using Params = ProductSketchParams;
    return std::tuple{
        Field{"rows", &Params::rows, "rows kept of each factor, k; found from the tolerance unless given"},
        Field{"tolerance", &Params::tolerance,
              "whitened error to expect: (1 + e)^2 = 1 + tolerance, k = 4 d / e^2; 0.5 unless rows are given"},
        Field{"sketch", &Params::sketch,
              "of each factor: rows drawn by leverage score, or combined without looking (osnap, count)", "",
              std::array<std::string_view, 6>{"leverage", "osnap", "count"}},
        Field{"draw", &Params::draw, "number of the random draw: another one is an independent sketch"}};
  }
};

struct ProductSketchCounts {
  Index features = 0;
  Index factor_rows = unknown_index;

  static constexpr auto fields() {
    using Counts = ProductSketchCounts;
    return std::tuple{Field{"features", &Counts::features, "k, rows kept of the longer sketched factor"},
                      Field{"factor-rows", &Counts::factor_rows, factor_rows_help}};
  }
};

/// Two levels: S1 A1 and S2 A2 with k rows each stand for A1 and A2, so S1 (x) S2 with k^2 rows for the product, of
/// which only 2 k are held. If e1, e2 are the errors of the two, that of the product is at most (1 + e1)(1 + e2) - 1.
///
///   leverage: LeverageSampler, rows weighted by 1 / sqrt(k p_i)   ->   all ranks: S1 A1, S2 A2
///   osnap, count: rank r: its columns of S1, S2 times its rows    ->   all_reduce: S1 A1, S2 A2
///
/// Shapes: rows of A1 and A2 in blocks; answer k x d and k x d2 on all ranks, a product.
/// Collective. Cost per rank: leverage 4 n d^2 / P flops a factor and three messages; osnap 16 n d / P, count 2 n d / P
/// and one message; the last message has k (d + d2) words.
/// Errors: leverage: CollectiveError where a factor is rank deficient.
/// Source: the two levels of Gao, Song, Zhang (2024), arXiv 2402.07027 [reconstructed]; OSNAP and CountSketch
/// (Nelson and Nguyen 2013; Clarkson and Woodruff 2013) in place of sampling are ours.
template <class T>
class ProductSketch {
 public:
  static constexpr std::string_view name = "product_sketch";
  using Params = ProductSketchParams;
  using Counts = ProductSketchCounts;

  static Params normalised(Params params);
  static void validate(const KroneckerSpec&, const Params&);
  ProductSketch(const Communicator&, const KroneckerSpec&, const Params&);
  const KroneckerSpectralSolution<T>& run(const KroneckerSpectralProblem<T>&);
  Counts counts() const { return {std::max(rows_[0], rows_[1]), sampler_ ? sampler_->distinct_rows() : unknown_index}; }
  static Counts expected(const KroneckerSpec&, const Params&);
  static Schedule schedule(const KroneckerSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void weigh_drawn_rows(const KroneckerFactors<T>&);
  void combine_rows(const KroneckerFactors<T>&);

  Communicator comm_;
  KroneckerSpec spec_;
  Params params_;
  std::array<Index, 2> rows_;
  std::optional<LeverageSampler<T>> sampler_;  // leverage only
  std::array<WeightedRows, 2> weighted_;       // likewise
  AlignedVector<T> travelling_;                // osnap, count: both sketches
  KroneckerSpectralSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_spectral
