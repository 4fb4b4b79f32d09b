#pragma once

#include <limits>
#include <optional>
#include <string>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/least_squares/problem.hpp"
#include "numerics/triangle_qr.hpp"

// What the exact methods of least squares share: QR along a tree of ranks, how deficient rank is told, what can be said
// of rounding. Every rank solves the small systems for itself from equal numbers.
namespace breakeven::regression {

template <class T>
inline constexpr double unit_roundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());

/// Throws CollectiveError, on all ranks alike since r is equal on all, if r (d x d, upper triangular) has a diagonal
/// entry that cannot be divided by, or without ridge one that is 10 d u times the largest or less.
template <class T>
void require_full_rank(const Array<T>& r, const LeastSquaresSpec& spec, std::string_view method);

/// The same complaint for a matrix whose Cholesky factor does not exist; `condition` is a lower bound on that of A.
[[noreturn]] void fail_not_definite(const LeastSquaresSpec& spec, std::string_view method, double condition);

/// Bound on the backward error of a stable method: 8 u (sqrt(d + 20) + sqrt(n) / 16). Householder vectors of d columns,
/// at most 20 levels of a tree and sums of n rows in blocks of 256 carry so many roundings, which add up like a random
/// walk (Higham and Mary 2019); 8 is the safety factor. A model, held against the oracle in every run.
template <class T>
double stable_backward_error(const LeastSquaresSpec& spec);

/// That bound as a promise; `reason` is what a user should know beside it.
template <class T>
Promise stable_promise(const LeastSquaresSpec& spec, const std::string& reason = "");

/// Bytes of X, which every rank holds.
template <class T>
Index answer_bytes(const LeastSquaresSpec& spec) {
  return spec.d * spec.rhs * static_cast<Index>(sizeof(T));
}
/// Bytes of this rank's rows of A and B: one read of the data.
template <class T>
double row_bytes(const LeastSquaresSpec& spec, int ranks, int rank) {
  return static_cast<double>(block(spec.n, ranks, rank).size() * (spec.d + spec.rhs)) * sizeof(T);
}

/// X = R^-1 Q'B from the QR decomposition of all rows (TSQR): each rank folds its rows into a triangle with Q'B beside
/// it, the triangles are folded along a tree, every rank substitutes back. No Q is formed.
///
///   rank 0: [A0 B0] -> [R0 Q0'B0] --+
///   rank 1: [A1 B1] -> [R1 Q1'B1] --+--> [R01 ...] --+
///   rank 2: [A2 B2] -> [R2 Q2'B2] --+                +--> [R Q'B] on every rank, X = R^-1 Q'B
///   rank 3: [A3 B3] -> [R3 Q3'B3] --+--> [R23 ...] --+
///
/// The ridge is sqrt(ridge) I, where rank 0 starts. One message of d (d + 1) / 2 + (d + 1) rhs words.
template <class T>
class TreeQr {
 public:
  TreeQr(const Communicator&, const LeastSquaresSpec&);

  /// Collective, one message. Throws CollectiveError if the rank is deficient.
  void solve(const LeastSquaresProblem<T>&, std::string_view method, Array<T>& x);
  /// R'R = A'A + ridge I, of the last solve(): d x d, positive diagonal.
  const Array<T>& r() const { return r_; }

  /// Appends its steps.
  static void schedule(Schedule&, const LeastSquaresSpec&, int ranks, int rank);
  /// What it allocates, with the block that arrives in the tree.
  static Index bytes(const LeastSquaresSpec&);

 private:
  Communicator comm_;
  LeastSquaresSpec spec_;
  TriangleQr<T> qr_;
  AlignedVector<T> state_;
  Array<T> r_;
};

}  // namespace breakeven::regression
