#pragma once

#include <span>
#include <string>

#include "comm/communicator.hpp"
#include "methods/regression/least_squares/problem.hpp"
#include "numerics/sketch.hpp"
#include "numerics/triangle_qr.hpp"

// What the randomised methods of least squares share: the sketch of all ranks' rows, its triangle, and how many rows an
// accuracy takes.
namespace breakeven::regression {

/// Of the draws of a `probable` promise, the share that may miss its bound.
inline constexpr double failure_share = 0.05;

/// Rows k of a sketch with which the residual excess is at most `tolerance`, except in `failure_share` of the draws:
/// k = max(16 d, c d / tolerance).
/// Derived: with a Gaussian sketch the excess is d / (k - d + 1) F, F having the F distribution with d and k - d + 1
/// degrees of freedom: d / k on average, and for k >> d its 95 % point is that of a chi-squared distribution with d
/// degrees, over k. c is that point over d, with a quarter on top for d / (k - d) instead of d / k (at most 1/15 from
/// 16 d rows on) and for tails of sparse sketches; at least 2.4.
double rows_for_excess(Index d, double tolerance);

/// The kind called `name`: osnap, count or gaussian.
SketchKind sketch_kind(const std::string& name);

/// A sketch of at least `rows` rows: for osnap the next multiple of `nonzeros`.
Sketch make_sketch(SketchKind kind, double rows, Index nonzeros, Index draw);

/// Throws BadRequest if fewer than d rows are asked for, or more than fit; `name` is the option.
void validate_rows(const std::string& name, const LeastSquaresSpec& spec, double rows);
/// Throws BadRequest unless an osnap sketch of `rows` rows may have that many nonzeros a column.
void validate_nonzeros(Index nonzeros, double rows);

/// R X = right, X in place; unknowns whose pivot is at rounding level (10 d u times the largest) are set to 0, since
/// the rows behind R say nothing of them. Returns how many were not. Local.
template <class T>
Index solve_known(const Array<T>& r, Array<T>& x);
/// How many pivots of R are above rounding level.
template <class T>
Index usable_pivots(const Array<T>& r);

/// S [A B] of the rows of all ranks, and the triangle of [S A, S B; sqrt(ridge) I, 0].
///   rank r: S_r [A_r B_r]   ->   sum over ranks, k x (d + n_rhs), everywhere   ->   everywhere the same QR
template <class T>
class SketchedTriangle {
 public:
  SketchedTriangle(const Sketch& sketch, Index d, Index n_rhs);

  /// State of TriangleQr, equal on all ranks. Collective, one all_reduce of reduced_bytes().
  std::span<const T> compute(const Communicator& comm, const LeastSquaresProblem<T>& problem, double ridge);

  static Index reduced_bytes(const Sketch& sketch, Index d, Index n_rhs);
  /// Adds the steps of compute() on a rank with `rows` rows.
  static void add_to(Schedule& schedule, const Sketch& sketch, Index rows, Index d, Index n_rhs);
  /// What the constructor allocates.
  static Index bytes(const Sketch& sketch, Index d, Index n_rhs);

 private:
  Sketch sketch_;
  Index d_, n_rhs_;
  AlignedVector<T> sketched_;  // S A, then S B
  TriangleQr<T> triangle_;
};

}  // namespace breakeven::regression
