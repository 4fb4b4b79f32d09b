#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "methods/regression/least_squares/sketched_triangle.hpp"

namespace breakeven::regression {

struct SketchSolveParams {
  std::string sketch = "osnap";
  Index nonzeros = 8;
  Index sketch_rows = unknown_index;
  double tolerance = 0.1;
  Index draw = 1;

  static constexpr auto fields() {
    using Params = SketchSolveParams;
    return std::tuple{
        Field{"sketch", &Params::sketch, "kind of sketch", "",
              std::array<std::string_view, 6>{"osnap", "count", "gaussian"}},
        Field{"nonzeros", &Params::nonzeros, "entries other than zero in a column of an osnap sketch"},
        Field{"sketch-rows", &Params::sketch_rows,
              "rows of the sketch; from the tolerance unless given; osnap: the next multiple of nonzeros"},
        Field{"tolerance", &Params::tolerance, "residual excess asked for"},
        Field{"draw", &Params::draw, "number of the random draw; draws are independent"}};
  }
};

struct SketchSolveCounts {
  Index rows_used = 0;
  Index pivots_used = 0;

  static constexpr auto fields() {
    using Counts = SketchSolveCounts;
    return std::tuple{
        Field{"rows-used", &Counts::rows_used, "k, rows of the sketch"},
        Field{"pivots-used", &Counts::pivots_used,
              "pivots of the sketch's triangle above rounding level; below d the sketch has lost directions of A"}};
  }
};

/// Least squares on a sketch: X = argmin |S (A X - B)|_F^2 + ridge |X|_F^2 with a random S of k << n rows.
///
///   rank r: S_r [A_r B_r]   ->   S [A B], k x (d + rhs), everywhere   ->   QR with sqrt(ridge) I below, X = R^-1 Q'S B
///
/// Shapes: rows of A, B in contiguous blocks; X (d x rhs) on every rank.
/// Collective. Cost per rank: 2 s n (d + rhs) / P flops for s nonzeros a column, one all_reduce of k (d + rhs) words,
/// 2 k d (d + 2 rhs) flops of QR that every rank repeats. k = c d / tolerance: see rows_for_excess().
/// Errors: none once `validate` has passed (k >= d). A sketch that has lost a direction of A is a Promise of kind none.
/// Source: Clarkson and Woodruff (2013) for `count`, Nelson and Nguyen (2013) for `osnap`; the classical comparison of
/// Song, Yin, Zhang (2023), arXiv 2311.14823. Deviations: the number of rows (derived, not the papers' constants); the
/// ridge is not sketched.
template <class T>
class SketchSolve {
 public:
  static constexpr std::string_view name = "sketch_solve";
  using Params = SketchSolveParams;
  using Counts = SketchSolveCounts;

  static Params normalised(Params params);
  static void validate(const LeastSquaresSpec&, const Params&);
  SketchSolve(const Communicator&, const LeastSquaresSpec&, const Params&);
  const LeastSquaresSolution<T>& run(const LeastSquaresProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const LeastSquaresSpec&, const Params&);
  static Schedule schedule(const LeastSquaresSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  static double rows_asked(const LeastSquaresSpec&, const Params&);
  static Sketch sketch_of(const LeastSquaresSpec&, const Params&);

  Communicator comm_;
  LeastSquaresSpec spec_;
  Params params_;
  Counts counts_;
  SketchedTriangle<T> triangle_;
  LeastSquaresSolution<T> solution_;
};

}  // namespace breakeven::regression
