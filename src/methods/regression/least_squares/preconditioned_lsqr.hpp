#pragma once

#include <span>
#include <vector>

#include "base/array.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/least_squares/problem.hpp"

namespace breakeven::regression {

/// LSQR on min_y |r - A' R^-1 y| for all right sides at once, A' = [A; sqrt(ridge) I] and r = [B; 0] - A' X the
/// residual of an answer X so far; then X + R^-1 Y is the better answer. R is a triangle near that of A', so that A'
/// R^-1 has a small condition number.
///
///   an iteration, for each right side, u of this rank's rows, v and all of length d equal on all ranks:
///     u = A R^-1 v - alpha u,   [A'u, |u|^2, vote] summed over ranks   ->   alpha v = R^-T A'u - beta v,   y and w
///     locally
///
/// The sum is one message; A is read once an iteration, block by block for all right sides. The rows sqrt(ridge) I are
/// replicated and cost no communication. A right side is finished when a rank has voted so, which all ranks hear with
/// the next sum: one more iteration, and loops of equal length even where replicated arithmetic differs in a bit.
/// Collective: residual() and each iteration of improve() is one all_reduce.
/// Cost per rank: residual() and an iteration: 4 n d rhs / P flops; an iteration besides 2 d^2 rhs.
/// Errors: none; R must be regular. Source: Paige and Saunders (1982), in the form with one synchronisation.
template <class T>
class PreconditionedLsqr {
 public:
  /// When a right side is done; the first that holds. |z| is LSQR's estimate of |R^-T A'r|.
  struct Target {
    double step_over_residual = 0;  ///< |z| <= this |r|
    double reduction = 0;           ///< |z| <= this times |z| at the start
    std::vector<double> floors;     ///< |z| <= floors[j]
    Index max_iterations = 0;
  };

  PreconditionedLsqr(const Communicator& comm, const LeastSquaresSpec& spec);

  /// r = [B; 0] - A' X, A'r and |r|^2. Collective, one all_reduce of residual_bytes().
  void residual(const LeastSquaresProblem<T>& problem, const Array<T>& x);
  /// A'r, d x n_rhs, and |r_j|^2: of the last residual(), equal on all ranks.
  const Array<T>& gradient() const { return gradient_; }
  const std::vector<double>& squares() const { return squares_; }

  /// X += R^-1 Y with Y from LSQR on the residual of X, which residual() has left. Returns the number of iterations.
  /// Collective, one all_reduce of iteration_bytes() an iteration.
  Index improve(const LeastSquaresProblem<T>& problem, const Array<T>& r, const Target& target, Array<T>& x);

  static Index residual_bytes(const LeastSquaresSpec& spec);
  static Index iteration_bytes(const LeastSquaresSpec& spec);
  static double pass_flops(const LeastSquaresSpec& spec, Index rows);
  /// What the constructor allocates.
  static Index bytes(const LeastSquaresSpec& spec, Index rows);

 private:
  /// Scalars of one right side, in the letters of Paige and Saunders.
  struct Column {
    double alpha = 0, beta = 0, rho_bar = 0, phi_bar = 0;
    double start = 0;     // |z| at the start
    double estimate = 0;  // |z| now
    bool reached = false, finished = false;
  };

  void start(const Array<T>& r);
  void bidiagonal_step(const LeastSquaresProblem<T>& problem, const Array<T>& r);
  void update(Index j, Column& column);
  bool reached(const Target& target, Index j, const Column& column) const;

  Communicator comm_;
  LeastSquaresSpec spec_;
  Index rows_;
  AlignedVector<T> u_;              // n_rhs x rows: each right side's u without gaps
  Array<T> tail_;                   // n_rhs x d: u in the rows sqrt(ridge) I
  Array<T> direction_, v_, w_, y_;  // n_rhs x d; direction = R^-1 v
  Array<T> columns_;                // d x n_rhs: what the triangle is solved for
  Array<T> gradient_;               // d x n_rhs
  Array<T> block_;                  // residual of a block of rows, block x n_rhs
  AlignedVector<T> message_;        // n_rhs x [gradient, |u|^2, vote]
  std::vector<double> squares_;
  std::vector<Column> state_;
};

}  // namespace breakeven::regression
