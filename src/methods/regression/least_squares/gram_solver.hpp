#pragma once

#include "comm/communicator.hpp"
#include "methods/regression/least_squares/exact.hpp"
#include "numerics/gram.hpp"

namespace breakeven::regression {

/// A'A + ridge I = R'R and A'B of the rows of all ranks, equal on all ranks. Local but for factor().
template <class T>
class GramSolver {
 public:
  GramSolver(const Communicator&, const LeastSquaresSpec&);

  /// False if there is no Cholesky factor to working precision: a pivot is not positive, or it is (d + 8) u times its
  /// diagonal entry or less, which is what rounding alone may leave of zero (Higham 2002, theorem 10.3). Collective,
  /// one message.
  bool factor(const LeastSquaresProblem<T>&);
  /// After a factor() that failed: condition_from_pivots() of A'A + ridge I.
  double least_condition();

  // Of the last factor() that succeeded.
  const Array<T>& r() const { return r_; }      ///< d x d, positive diagonal
  const Array<T>& rhs() const { return rhs_; }  ///< A'B, d x rhs
  double a_norm() const { return a_norm_; }     ///< |[A; sqrt(ridge) I]|_F
  /// x = (R'R)^-1 x. Cost: 2 d^2 rhs flops.
  void solve(Array<T>& x) const;

  /// Appends its steps: pass over the rows, reduction, factorisation.
  static void schedule(Schedule&, const LeastSquaresSpec&, int ranks, int rank);
  static Index bytes(const LeastSquaresSpec&);

 private:
  Array<T> matrix();  ///< A'A + ridge I, of sums that all ranks hold

  Communicator comm_;
  LeastSquaresSpec spec_;
  Gram<T> gram_;
  Array<T> r_, rhs_;
  double a_norm_ = 0;
};

/// R with R'R = `gram`, or nothing, by the rule of GramSolver::factor().
template <class T>
std::optional<Array<T>> definite_factor(const Array<T>& gram);

/// A lower bound on the condition number of a matrix with this Gram matrix, up to rounding: the root of the largest
/// diagonal entry over the smallest pivot of elimination, as a pivot is at least the smallest eigenvalue (it is the
/// least of v'Gv over the v that are 1 there and 0 behind). Pivots are known to (d + 8) u times their diagonal entry,
/// and none is taken for less. Cost: d^3 / 3 flops.
template <class T>
double condition_from_pivots(const Array<T>& gram);

}  // namespace breakeven::regression
