#pragma once

#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "methods/regression/least_squares/preconditioned_lsqr.hpp"
#include "methods/regression/least_squares/sketched_triangle.hpp"

namespace breakeven::regression {

struct SketchPreconditionParams {
  double tolerance = 1e-12;
  std::string start = "sketch";
  Index refinements = unknown_index;
  Index sketch_rows = unknown_index;
  Index nonzeros = 8;
  Index max_iterations = 100;
  Index draw = 1;

  static constexpr auto fields() {
    using Params = SketchPreconditionParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "residual excess asked for"},
        Field{"start", &Params::start, "first answer: the sketch's, or zero as first published, which is unstable", "",
              std::array<std::string_view, 6>{"sketch", "zero"}},
        Field{"refinements", &Params::refinements,
              "restarts on the residual at most, until the backward error is at rounding level; 3 unless given, none "
              "if the tolerance is above 1e-8"},
        Field{"sketch-rows", &Params::sketch_rows,
              "rows of the osnap sketch, the next multiple of nonzeros; 4 d unless given"},
        Field{"nonzeros", &Params::nonzeros, "entries other than zero in a column of the sketch"},
        Field{"max-iterations", &Params::max_iterations, "of each start of LSQR"},
        Field{"draw", &Params::draw, "number of the random draw; draws are independent"}};
  }
};

struct SketchPreconditionCounts {
  Index rows_used = 0;
  Index pivots_used = 0;
  Index iterations = 0;
  Index refinements_used = 0;
  bool converged = false;

  static constexpr auto fields() {
    using Counts = SketchPreconditionCounts;
    return std::tuple{Field{"rows-used", &Counts::rows_used, "k, rows of the sketch"},
                      Field{"pivots-used", &Counts::pivots_used,
                            "pivots of the sketch's triangle above rounding level; below d there is no preconditioner"},
                      Field{"iterations", &Counts::iterations, "of LSQR, all starts together"},
                      Field{"refinements-used", &Counts::refinements_used, "restarts on the residual"},
                      Field{"converged", &Counts::converged, "the estimated excess is at most the tolerance", ""}};
  }
};

/// Least squares to full accuracy: the triangle R of a sketch of A preconditions LSQR, which starts from the sketch's
/// answer; restarts on the residual make the answer backward stable.
///
///   rank r: S_r [A_r B_r]  ->  S [A B] everywhere  ->  R, X = R^-1 Q'S B
///   r = B - A X   ->   iterations: [A'u, |u|^2] summed over ranks   ->   X += R^-1 Y   ->   r = B - A X ...
///
/// Shapes: rows of A, B in contiguous blocks; X (d x rhs) on every rank.
/// Collective. Cost per rank: the sketch (sketch_solve.hpp) with k = 4 d; each iteration 4 n d rhs / P flops, one read
/// of A and one all_reduce of rhs (d + 2) words; each start one more of rhs (d + 1) words and one of two agreed flags;
/// one of the agreed number of pivots. Iterations of a start: about log(2 / reduction) / log(1 / rho), rho = sqrt(d /
/// k), whatever the condition of A. Errors: none once `validate` has passed. An answer not converged is a Promise of
/// kind none. Source: Rokhlin and Tygert (2008); Avron, Maymounkov, Toledo (2010), Blendenpik. Unstable by itself:
/// Meier, Nakatsukasa, Townsend, Webb (2024). Remedy after Epperly, Meier, Nakatsukasa (2024), arXiv 2406.03468: start
/// from the sketch's answer and restart on the residual. Deviations: LSQR as the inner solver of every start; when to
/// restart follows from an estimate of the backward error (NOTES.md), not from a fixed number of two.
template <class T>
class SketchPrecondition {
 public:
  static constexpr std::string_view name = "sketch_precondition";
  using Params = SketchPreconditionParams;
  using Counts = SketchPreconditionCounts;

  static Params normalised(Params params);
  static void validate(const LeastSquaresSpec&, const Params&);
  SketchPrecondition(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const LeastSquaresSpec&, const Params&);
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  using Target = typename PreconditionedLsqr<T>::Target;
  struct Verdict {
    bool accurate = false;  ///< the excess is at most the tolerance
    bool settled = false;   ///< the backward error is at rounding level, or falls no further
  };

  static Sketch sketch_of(const LeastSquaresSpec&, const Params&);
  void find_residual(const LeastSquaresProblem<T>&);
  void improve(const LeastSquaresProblem<T>&, const Target&);
  double distortion() const;
  std::vector<double> floors() const;
  Verdict judge();
  double excess() const;
  double backward_error();

  Communicator comm_;
  LeastSquaresSpec spec_;
  Params params_;
  Counts counts_;
  SketchedTriangle<T> triangle_;
  PreconditionedLsqr<T> lsqr_;
  TriangleQr<T> shifted_;  // of [R; |r| / |x| I]
  Array<T> r_, z_;         // the preconditioner; R^-T A'r of the answer so far, d x rhs
  double r_norm_ = 0, backward_error_ = 0;
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
