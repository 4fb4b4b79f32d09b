#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "methods/regression/least_squares/gram_solver.hpp"

namespace breakeven::regression {

struct RefinedGramCounts {
  Index refinements = 0;
  bool fell_back = false;

  static constexpr auto fields() {
    return std::tuple{
        Field{"refinements", &RefinedGramCounts::refinements, "corrections by a residual, each one read of the data"},
        Field{"fell-back", &RefinedGramCounts::fell_back, "refinement did not or would not converge, tsqr answered",
              ""}};
  }
};

/// Least squares by the normal equations, refined until the backward error is at rounding level: the fastest of the
/// exact methods where the condition number allows it, tsqr where it does not.
///
///   pass 0     R'R = A'A + ridge I, X = R^-1 R^-T A'B                                 (one sum over ranks)
///   pass k     G = A'(B - A X) - ridge X in one read, Y = R^-T G, X += R^-1 Y         (one sum over ranks)
///   stop       when eta rho <= 4 u in every column, with
///                eta = |y| / (|x| |A|_F) or |g| / (|r| |A|_F), whichever is smaller: both are upper bounds of Karlson
///                      and Walden's estimate of the backward error of x before the correction
///                rho = |y_k| / |y_(k-1)|, what a correction leaves of the error; u condition^2 before there are two
///   fall back  to tsqr, and say so in the promise's reason and in `fell_back`, if there is no Cholesky factor, if the
///              condition estimate of R exceeds 1 / sqrt(u), if a measured rho of a column that has not converged
///              exceeds 0.02, or if 4 corrections are not enough
///
/// Shapes: rows of A (n x d) and B (n x rhs) in contiguous blocks; X (d x rhs) on every rank.
/// Collective. Cost per rank: n / P d (d + 1 + 2 rhs) + d^3 / 3 flops, then 4 n / P d rhs a correction; one read of the
/// data each; messages of d (d + 1) / 2 + (d + 1) rhs words and (d + 1) rhs a correction; what tsqr costs if it falls
/// back.
/// Errors: those of tsqr.
/// Source: iterative refinement of the normal equations, as for the seminormal equations of Bjorck (1987); stopping
/// rule and guards are ours (derived in NOTES.md).
template <class T>
class RefinedGram {
 public:
  static constexpr std::string_view name = "refined_gram";
  using Params = NoFields;
  using Counts = RefinedGramCounts;

  static void validate(const LeastSquaresSpec&, const Params&) {}
  RefinedGram(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const LeastSquaresSpec&, const Params&);
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return stable_promise<T>(spec_, reason_); }

 private:
  /// Corrections until the backward error is at rounding level; why not, if it does not get there.
  std::string refine(const LeastSquaresProblem<T>&);
  /// eta of each column and |y| of each column, and X corrected. Collective, one message.
  void correct(const LeastSquaresProblem<T>&);

  Communicator comm_;
  LeastSquaresSpec spec_;
  Counts counts_;
  std::string reason_;
  GramSolver<T> gram_;
  TreeQr<T> tree_;
  AlignedVector<T> sums_;                     // A'R (d x rhs), then |R_j|^2: what is summed over ranks
  std::vector<double> squares_;               // |R_j|^2 of this rank
  Array<T> step_;                             // d x rhs
  std::vector<double> eta_, steps_, before_;  // of each column: backward error, |y| of this correction and of the last
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
