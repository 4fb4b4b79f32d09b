#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factors.hpp"
#include "methods/regression/kronecker/triangles.hpp"
#include "methods/regression/kronecker/weighted_rows.hpp"

namespace breakeven::regression {

/// What methods say of distinct_rows() below.
inline constexpr std::string_view factor_rows_help =
    "rows of A1 and A2 drawn at least once, together: what of the factors the answer rests on";

/// Draws rows of both factors by their leverage scores, with replacement and independently: since the score of the pair
/// (i, j) in A1 (x) A2 is the product of the scores of i and j, the l-th rows of both are a draw of a pair.
///
///   all ranks: R1, R2   ->   rank r: scores of its rows, their sums   ->   all_gather: the sums of all ranks
///   draw l: a number in [0, sum of all scores) from (draw, l); the rank in whose part it falls owns the row
///   all_reduce: every rank fills in the rows it owns, zeros elsewhere   ->   all ranks: the drawn rows
///
/// All in float64, so that the drawn rows do not depend on the number of ranks: they are the same unless a number falls
/// within a rounding of the border of two rows.
/// Collective, three messages: both triangles, two sums, sum of counts (d + 1) words. Cost per rank: 4 n d^2 / P flops
/// a factor, counts log n. Memory: n / P words and the drawn rows.
/// Errors: CollectiveError where a factor is rank deficient.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027: product leverage distribution [stated]; the searches in
/// prefix sums are ours.
template <class T>
class LeverageSampler {
 public:
  LeverageSampler(const Communicator& comm, const KroneckerSpec& spec, std::array<Index, 2> counts, Index draw);

  void run(const KroneckerFactors<T>& factors);

  /// Of the l-th drawn row of a factor: its entries, its global index.
  std::span<const double> row(int factor, Index l) const;
  Index index(int factor, Index l) const;
  /// q = R^-T a, the row of Q; returns its score |q|^2.
  double whiten(int factor, std::span<const double> a, std::span<double> q) const;
  const Array<double>& r(int factor) const { return triangles_.r(factor); }
  /// The drawn rows of one factor, each times 1 / sqrt(count p_i) = sqrt(d / (count |q_i|^2)).
  void weigh(int factor, WeightedRows& out) const;

  /// Rows of A1 and rows of A2 that were drawn at least once, added up. Cost: it sorts the indices of all draws.
  Index distinct_rows() const;
  /// As many as rows of equal scores let one expect; no other scores lead to more.
  static Index expected_distinct(const KroneckerSpec& spec, std::array<Index, 2> counts);

  static void add_steps(const KroneckerSpec& spec, std::array<Index, 2> counts, int ranks, int rank, Schedule&);
  static Index bytes(const KroneckerSpec& spec, std::array<Index, 2> counts, int ranks, int rank);

 private:
  void score(const KroneckerFactors<T>& factors);
  void fill_in(const KroneckerFactors<T>& factors, int factor);
  std::size_t position(int factor, Index l) const;  ///< of a drawn row in drawn_

  Communicator comm_;
  KroneckerSpec spec_;
  std::array<Index, 2> counts_;
  Index draw_;
  FactorTriangles<double> triangles_;
  std::array<Array<double>, 2> inverse_;            // R^-1
  std::array<std::vector<double>, 2> prefix_sums_;  // of this rank's scores, each row's included
  std::vector<double> masses_;                      // [rank][factor]
  Array<double> chunk_;
  AlignedVector<double> drawn_;  // rows of the first factor, then of the second; each with its index behind it
};

}  // namespace breakeven::regression
