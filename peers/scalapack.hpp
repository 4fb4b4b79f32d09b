#pragma once

#include <string_view>

#include "lapack.hpp"

namespace breakeven::peers {

/// Least squares by ScaLAPACK's pdgels on all ranks. A ridge is refused.
///   rank r holds rows [r n/P, (r+1) n/P) as one block of a P x 1 grid of processes, column by column
/// Shapes as the problem's; n a multiple of P, so that its blocks are ScaLAPACK's. A run copies A, which pdgels
/// destroys. The copy in column order is made once, in the first run. Collective on all ranks of the job. Cost per
/// rank: 2 n d^2 / P flops, about d log2(P) messages, which the library sends by itself: they are not counted. Errors:
/// Failure if n is no multiple of the ranks, or on fewer ranks than the job's. Source: Debian's ScaLAPACK.
template <class T>
class Scalapack {
 public:
  static constexpr std::string_view name = "scalapack";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const regression::LeastSquaresSpec&, const Params&);
  Scalapack(const Communicator&, const regression::LeastSquaresSpec&, const Params&);
  ~Scalapack();
  Scalapack(const Scalapack&) = delete;
  Scalapack& operator=(const Scalapack&) = delete;
  const regression::LeastSquaresSolution<T>& run(const regression::LeastSquaresProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const regression::LeastSquaresSpec&, const Params&) { return {}; }
  static Schedule schedule(const regression::LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  Communicator comm_;
  regression::LeastSquaresSpec spec_;
  int grid_ = -1;
  ColumnMajorProblem<T> data_;
  AlignedVector<T> a_, b_, work_;
  regression::LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::peers
