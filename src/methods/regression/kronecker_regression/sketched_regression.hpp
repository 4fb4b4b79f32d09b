#pragma once

#include <array>
#include <vector>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/weighted_rows.hpp"
#include "methods/regression/kronecker_regression/problem.hpp"

namespace breakeven::regression::kronecker_regression {

/// X = argmin |S1 A1 X (S2 A2)' - S1 B S2'|_F for sampled rows of both factors: of B the entries where a sampled row
/// and a sampled column meet.
///
///   all ranks: Q~1 = S1 A1 W1 (k1 x d), Q~2 = S2 A2 W2 (k2 x d2), near orthogonal, so normal equations lose nothing
///   rank r, its block of the k1 rows i: sum_j w_i w_j b_ij q~2_j, times q~1_i   ->   all_reduce d x d2: Q~1' B~ Q~2
///   all ranks: Y = G1^-1 (Q~1' B~ Q~2) G2^-1 with G = Q~'Q~, X = W1 Y W2'
///
/// Rows and columns drawn several times are read once. Of a row the entries in sampled columns are read one by one, or
/// all between the first and the last of them where the Source says that this costs less; `entries_read` tells.
/// Collective, three messages, the largest d d2 words. Cost per rank: k1 k2 / P entries of B, 2 k1 k2 d2 / P flops.
/// Errors: CollectiveError where B cannot be read or a sample has lost a column.
class SketchedRegression {
 public:
  SketchedRegression(const Communicator& comm, const KroneckerRegressionSpec& spec);

  template <class T>
  void run(const std::array<WeightedRows, 2>& sample, const Source<T>& source,
           KroneckerRegressionSolution<T>& solution);

  static void add_steps(const KroneckerSpec& spec, std::array<Index, 2> rows, int ranks, int rank, Index word,
                        Schedule& schedule);
  static Index bytes(const KroneckerSpec& spec, std::array<Index, 2> rows);

 private:
  template <class T>
  void fold_entries(const std::array<WeightedRows, 2>& sample, const Source<T>& source);
  Array<double> solve(const std::array<WeightedRows, 2>& sample) const;

  Communicator comm_;
  KroneckerRegressionSpec spec_;
  std::array<Array<double>, 2> bases_;  // Q~1, Q~2
  std::vector<double> projected_;       // Q~1' B~ Q~2 (d x d2)
};

}  // namespace breakeven::regression::kronecker_regression
