#pragma once

#include <string_view>

#include "methods/regression/least_squares/exact.hpp"

namespace breakeven::regression {

/// Least squares by Householder QR along a tree of ranks, right sides appended. The stable exact baseline.
/// Shapes: rows of A (n x d) and B (n x rhs) in contiguous blocks; X (d x rhs) on every rank. Picture: TreeQr.
/// Collective. Cost per rank: 2 n / P d (d + 2 rhs) + log2(P) (2/3 d^3 + 2 d^2 rhs) flops, one read of the data, one
/// message of d (d + 1) / 2 + (d + 1) rhs words; memory O(d^2 + d rhs) beside the data.
/// Errors: deficient rank without ridge (min |R_ii| <= 10 d u max |R_ii|), on all ranks alike.
/// Source: Demmel, Grigori, Hoemmen, Langou (2012), TSQR. Deviation: R only, on every rank, positive diagonal.
template <class T>
class Tsqr {
 public:
  static constexpr std::string_view name = "tsqr";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const LeastSquaresSpec&, const Params&) {}
  Tsqr(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const LeastSquaresSpec&, const Params&) { return {}; }
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return stable_promise<T>(spec_); }

 private:
  LeastSquaresSpec spec_;
  TreeQr<T> tree_;
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
