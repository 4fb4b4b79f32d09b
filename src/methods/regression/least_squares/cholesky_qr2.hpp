#pragma once

#include <string>
#include <string_view>

#include "methods/regression/least_squares/gram_solver.hpp"

namespace breakeven::regression {

struct CholeskyQr2Counts {
  Index passes = 0;
  bool fell_back = false;

  static constexpr auto fields() {
    return std::tuple{
        Field{"passes", &CholeskyQr2Counts::passes, "Gram matrices formed: 2, or less if the first had no factor"},
        Field{"fell-back", &CholeskyQr2Counts::fell_back, "a Cholesky factor did not exist, tsqr answered", ""}};
  }
};

/// Least squares by CholeskyQR2: the triangle of A from its Gram matrix, corrected by that of A R1^-1, whose columns
/// are orthogonal but for rounding.
///
///   pass 1    R1'R1 = A'A + ridge I                             (one sum over ranks)
///   pass 2    Q1 = [A; sqrt(ridge) I] R1^-1, rows in blocks; R2'R2 = Q1'Q1, g = Q1'B     (one sum over ranks)
///   then      X = (R2 R1)^-1 R2^-T g on every rank
///
/// If a Cholesky factor does not exist, or |Q1'Q1 - I|_F > 1/2 (then R2 would be no small correction), tsqr answers,
/// and the promise's reason and the count `fell_back` say so. Nothing is ever added to the diagonal beside the ridge.
/// Shapes: rows of A (n x d) and B (n x rhs) in contiguous blocks; X (d x rhs) on every rank.
/// Collective. Cost per rank: 3 n / P d^2 + 4 n / P d rhs + 2/3 d^3 flops, two reads of the data, two messages of
/// d (d + 1) / 2 + (d + 1) rhs words; and what tsqr costs if it falls back.
/// Errors: those of tsqr.
/// Source: Yamamoto, Nakatsukasa, Yanagisawa, Fukaya (2015), who show stability up to conditions of about 1 / sqrt(u).
/// Deviations: least squares without forming Q2; ridge; the second guard is ours (they prove at most 5/64 for the norm
/// of Q1'Q1 - I where their bound on the condition holds).
template <class T>
class CholeskyQr2 {
 public:
  static constexpr std::string_view name = "cholesky_qr2";
  using Params = NoFields;
  using Counts = CholeskyQr2Counts;

  static void validate(const LeastSquaresSpec&, const Params&) {}
  CholeskyQr2(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const LeastSquaresSpec&, const Params&);
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return stable_promise<T>(spec_, reason_); }

 private:
  const LeastSquaresSolution<T>& fall_back(const LeastSquaresProblem<T>&, const std::string& why);
  /// Q1'Q1 and Q1'B of all ranks' rows, packed.
  std::span<T> second_pass(const LeastSquaresProblem<T>&);

  Communicator comm_;
  LeastSquaresSpec spec_;
  Counts counts_;
  std::string reason_;
  GramSolver<T> first_;
  Gram<T> second_;
  TreeQr<T> tree_;
  AlignedVector<T> q_rows_;  // a block of rows of Q1
  Array<T> no_rhs_;          // right sides of the rows sqrt(ridge) I
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
