#pragma once

#include <string_view>

#include "base/promise.hpp"
#include "methods/regression/least_squares/problem.hpp"

namespace breakeven::peers {

/// What these peers have in common: A and B as a user of LAPACK holds them, column by column. The copy is made once, in
/// the first run, which is the untimed verification or a warm-up: a user's matrix would be there already.
template <class T>
class ColumnMajorProblem {
 public:
  ColumnMajorProblem(const regression::LeastSquaresSpec& spec, Index rows);
  /// Local.
  void hand_over(const regression::LeastSquaresProblem<T>& problem);
  const AlignedVector<T>& a() const { return a_; }
  const AlignedVector<T>& b() const { return b_; }
  static Index bytes(const regression::LeastSquaresSpec& spec, Index rows);

 private:
  const regression::LeastSquaresProblem<T>* handed_over_ = nullptr;
  AlignedVector<T> a_, b_;
};

/// Least squares by LAPACK's dgels (Householder QR of the whole matrix, right sides rotated with it). A ridge is
/// refused. Shapes as the problem's. One rank. A run copies A, which dgels destroys: 1 to 3 % of the time. Cost: 2 n
/// d^2 flops. Errors: Failure on more than one rank. Source: Debian's OpenBLAS, which brings LAPACK.
template <class T>
class Dgels {
 public:
  static constexpr std::string_view name = "dgels";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const regression::LeastSquaresSpec&, const Params&);
  Dgels(const Communicator&, const regression::LeastSquaresSpec&, const Params&);
  const regression::LeastSquaresSolution<T>& run(const regression::LeastSquaresProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const regression::LeastSquaresSpec&, const Params&) { return {}; }
  static Schedule schedule(const regression::LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  regression::LeastSquaresSpec spec_;
  ColumnMajorProblem<T> data_;
  AlignedVector<T> a_, b_, work_;
  regression::LeastSquaresSolution<T> solution_;
};

/// Least squares by the normal equations as one builds them from BLAS and LAPACK: dsyrk, dgemm, dposv.
/// Shapes as the problem's. One rank. Cost: n d^2 + 2 n d rhs flops. Errors: Failure on more than one rank, or if the
/// Gram matrix is not positive definite. Source: Debian's OpenBLAS.
template <class T>
class SyrkPosv {
 public:
  static constexpr std::string_view name = "dsyrk_dposv";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const regression::LeastSquaresSpec&, const Params&) {}
  SyrkPosv(const Communicator&, const regression::LeastSquaresSpec&, const Params&);
  const regression::LeastSquaresSolution<T>& run(const regression::LeastSquaresProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const regression::LeastSquaresSpec&, const Params&) { return {}; }
  static Schedule schedule(const regression::LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  Communicator comm_;
  regression::LeastSquaresSpec spec_;
  ColumnMajorProblem<T> data_;
  AlignedVector<T> gram_, x_;
  regression::LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::peers
