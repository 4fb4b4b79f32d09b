#pragma once

#include <array>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "methods/regression/softmax_relu/descent.hpp"
#include "methods/regression/softmax_relu/weighted_a1.hpp"

namespace breakeven::regression {

struct NewtonCgParams {
  double tolerance = 1e-8;
  Index max_iterations = 200;
  std::string preconditioner = "osnap";
  double sketch_factor = std::numeric_limits<double>::quiet_NaN();
  bool fresh = false;
  std::string products = "formed";
  Index max_inner = 500;
  Index draw = 1;

  static constexpr auto fields() {
    using Params = NewtonCgParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, "asked reduction of the gradient norm, from its value at x0"},
        Field{"max-iterations", &Params::max_iterations, "steps at most"},
        Field{"preconditioner", &Params::preconditioner,
              "for A1'W^2A1: osnap (a sketch), leverage (sampled rows) or gram (exact)", "",
              std::array<std::string_view, 6>{"osnap", "leverage", "gram"}},
        Field{"sketch-factor", &Params::sketch_factor,
              "rows of the sketch: osnap in units of d (4 if not given), leverage in units of d ln d (3)"},
        Field{"fresh", &Params::fresh, "a new sketch each step instead of one for all", ""},
        Field{"products", &Params::products,
              "formed: the m x d factor of the curvature once a step, then one read of A1 a product; implicit: two", "",
              std::array<std::string_view, 6>{"formed", "implicit"}},
        Field{"max-inner", &Params::max_inner, "Hessian products a step at most"},
        Field{"draw", &Params::draw, "number of the random draw of the sketch"}};
  }
};

/// Truncated Newton: conjugate gradients on exact Hessian products, preconditioned by a sketch of A1'W^2A1, stopped at
/// a residual of min(1e-2, sqrt(|g| / |g0|)) |g| or at negative curvature; damped. Shapes: rows of A1, columns of A2 in
/// contiguous blocks; x (d) equal on all ranks. Collective. Cost a rank: sketch (osnap) 16 n d / P + 8 d^3 flops and a
/// reduction of 4 d^2 numbers, once or each step; a step the factor of the curvature, 2 m n d / P flops (A2 sparse: 2
/// nnz d / P) and a reduction of (m + 2) d numbers, and 3 reductions of 1, m + 2 and d numbers; a product 4 n d / P + 4
/// m d flops, one read of A1 and a reduction of d numbers. Implicit products: 4 n (d + m) / P flops, two reductions of
/// m + 2 and d numbers, nothing formed. Errors: none once `validate` has passed; what stops it early is told by
/// promise(). Source: sketch as a preconditioner in place of the paper's sampled matrix (arXiv 2311.15390), ours;
/// truncated Newton: Dembo, Eisenstat, Steihaug (1982), Dembo and Steihaug (1983).
template <class T>
class NewtonCg {
 public:
  static constexpr std::string_view name = "newton_cg";
  using Params = NewtonCgParams;
  using Counts = SoftmaxReluCounts;

  static Params normalised(Params params);
  static void validate(const SoftmaxReluSpec&, const Params&);
  NewtonCg(const Communicator&, const SoftmaxReluSpec&, const Params&);
  const SoftmaxReluSolution<T>& run(const SoftmaxReluProblem<T>&);
  Counts counts() const { return descent_.counts(); }
  static Counts expected(const SoftmaxReluSpec&, const Params&);
  static Schedule schedule(const SoftmaxReluSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return descent_.promise(); }

 private:
  bool factor(const SoftmaxReluProblem<T>&);
  std::optional<Step> direction(std::span<const double> gradient);
  void product(std::span<const double> v, std::span<double> result);

  SoftmaxReluSpec spec_;
  Params params_;
  WeightedA1<T> weighted_a1_;
  Descent<T> descent_;
  std::optional<Array<double>> r_;
  AlignedVector<T> squares_;
};

}  // namespace breakeven::regression
