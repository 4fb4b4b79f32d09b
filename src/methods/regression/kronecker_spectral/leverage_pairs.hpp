#pragma once

#include <limits>
#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/leverage_sampler.hpp"
#include "methods/regression/kronecker_spectral/problem.hpp"

namespace breakeven::regression::kronecker_spectral {

struct LeveragePairsParams {
  Index samples = unknown_index;
  double tolerance = std::numeric_limits<double>::quiet_NaN();
  Index draw = 1;

  static constexpr auto fields() {
    using Params = LeveragePairsParams;
    return std::tuple{Field{"samples", &Params::samples, "pairs drawn, s; found from the tolerance unless given"},
                      Field{"tolerance", &Params::tolerance,
                            "whitened error to expect: s = 4 d d2 / tolerance^2; 0.5 unless samples are given"},
                      Field{"draw", &Params::draw, "number of the random draw: another one is an independent sample"}};
  }
};

struct LeveragePairsCounts {
  Index features = 0;
  Index factor_rows = 0;

  static constexpr auto fields() {
    using Counts = LeveragePairsCounts;
    return std::tuple{Field{"features", &Counts::features, "s, pairs kept"},
                      Field{"factor-rows", &Counts::factor_rows, factor_rows_help}};
  }
};

/// A sample of rows of A1 (x) A2: s pairs (i, j) drawn by tau_i(A1) tau_j(A2) / (d d2), the leverage score of the row
/// a1_i (x) a2_j divided by the sum of all scores, each weighted by 1 / sqrt(s p_ij).
///
///   LeverageSampler: drawn rows of A1 and A2 on all ranks   ->   rank r: weights of its block of the s pairs
///
/// Shapes: rows of A1 and A2 in blocks; answer s pairs of rows, in blocks over the ranks.
/// Collective. Cost per rank: 4 n d^2 / P flops a factor, then s / P (d^2 + d2^2); three messages, the last of
/// s (d + d2 + 2) words. Memory: n / P + s (d + d2) words.
/// Errors: CollectiveError where a factor is rank deficient.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027: the product distribution [stated]; error about
/// 2 sqrt(d d2 / s) [derived, NOTES.md]. Deviation: exact scores by TSQR; what the paper finds them with is `quantum`.
template <class T>
class LeveragePairs {
 public:
  static constexpr std::string_view name = "leverage_pairs";
  using Params = LeveragePairsParams;
  using Counts = LeveragePairsCounts;

  static Params normalised(Params params);
  static void validate(const KroneckerSpec&, const Params&);
  LeveragePairs(const Communicator&, const KroneckerSpec&, const Params&);
  const KroneckerSpectralSolution<T>& run(const KroneckerSpectralProblem<T>&);
  Counts counts() const { return {pairs_, sampler_.distinct_rows()}; }
  static Counts expected(const KroneckerSpec&, const Params&);
  static Schedule schedule(const KroneckerSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  KroneckerSpec spec_;
  Index pairs_;
  Range mine_;
  LeverageSampler<T> sampler_;
  KroneckerSpectralSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_spectral
