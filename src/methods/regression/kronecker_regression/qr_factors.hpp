#pragma once

#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/triangles.hpp"
#include "methods/regression/kronecker_regression/problem.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression::kronecker_regression {

/// X = R1^-1 (Q1'B Q2) R2^-T with A1 = Q1 R1, A2 = Q2 R2: all of B, read once, block of rows after block of rows.
///
///   A2: TSQR, Q2 = A2 R2^-1, and once more on Q2, which rounding has left short of orthogonal   ->   all ranks: Q2, R2
///   rank r: C = B_r Q2, rows of A1 with right sides C through TSQR   ->   combine: R1, Q1'B Q2 on all ranks   ->   X
///
/// Shapes: rows of A1 and A2 in blocks, rows of B as those of A1, from the Source; answer X (d x d2) on all ranks.
/// Collective. Cost per rank: n n2 / P entries of B read, 2 n n2 d2 / P + O(n d^2 / P) flops; five messages, the
/// largest n2 d2 / P words. Memory: n2 d2 words and a block of B.
/// Errors: CollectiveError where a factor is rank deficient or B cannot be read.
/// Source: (A1 (x) A2)^+ = A1^+ (x) A2^+; the second pass over Q2 as in Cholesky QR twice (Yamamoto et al. 2015).
template <class T>
class QrFactors {
 public:
  static constexpr std::string_view name = "qr_factors";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const KroneckerSpec&, const Params&) {}
  QrFactors(const Communicator&, const KroneckerRegressionSpec&, const Params&);
  const KroneckerRegressionSolution<T>& run(const KroneckerRegressionProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const KroneckerRegressionSpec&, const Params&) { return {}; }
  static Schedule schedule(const KroneckerRegressionSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void find_second_basis(const Array<T>& a2);
  Array<T> triangle_of(const Array<T>& a);
  void absorb_right_side(const KroneckerRegressionProblem<T>&);

  Communicator comm_;
  KroneckerRegressionSpec spec_;
  Range rows_;
  std::vector<Index> basis_lengths_;  // words of Q2 of each rank
  TriangleQr<T> second_, first_;      // of A2; of A1 with right sides B Q2
  AlignedVector<T> second_packed_, first_packed_;
  Array<T> r2_, basis_mine_, basis_;  // R2, this rank's rows of Q2, all of them
  Array<T> b_block_, last_block_;     // rows of B
  KroneckerRegressionSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_regression
