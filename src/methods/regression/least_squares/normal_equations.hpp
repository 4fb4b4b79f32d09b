#pragma once

#include <string_view>

#include "methods/regression/least_squares/gram_solver.hpp"

namespace breakeven::regression {

/// Least squares by the normal equations (A'A + ridge I) X = A'B, solved by Cholesky. What it loses: A'A holds singular
/// values squared, so the backward error grows like condition u (relative to A) where a stable method stays at u, the
/// error of X like condition^2 u; from a condition near 1 / sqrt(u) on (1e8 in f64, 4e3 in f32) there is no Cholesky
/// factor or no digit. Nothing is promised.
///
///   rank r: A_r'A_r, A_r'B_r   ->   sum over ranks   ->   R'R = A'A + ridge I,  X = R^-1 R^-T A'B on every rank
///
/// Shapes: rows of A (n x d) and B (n x rhs) in contiguous blocks; X (d x rhs) on every rank.
/// Collective. Cost per rank: n / P d (d + 1 + 2 rhs) + d^3 / 3 flops, one read of the data, one message of
/// d (d + 1) / 2 + (d + 1) rhs words.
/// Errors: A'A not positive definite to working precision, on all ranks alike. A column that depends on others may slip
/// through where rounding leaves its pivot above (d + 8) u; the quality then shows it.
/// Source: Gauss; rounding as in Higham (2002), sections 10.1 and 20.4. Deviation: sums compensated
/// (numerics/gram.hpp).
template <class T>
class NormalEquations {
 public:
  static constexpr std::string_view name = "normal_equations";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const LeastSquaresSpec&, const Params&) {}
  NormalEquations(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const LeastSquaresSpec&, const Params&) { return {}; }
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  LeastSquaresSpec spec_;
  GramSolver<T> gram_;
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
