#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/triangles.hpp"
#include "methods/regression/kronecker_spectral/problem.hpp"
#include "numerics/gram.hpp"

namespace breakeven::regression::kronecker_spectral {

struct QrFactorsParams {
  std::string triangle = "tsqr";

  static constexpr auto fields() {
    return std::tuple{Field{"triangle", &QrFactorsParams::triangle,
                            "R of a factor by tsqr, or by cholesky of its Gram matrix: half the flops, rounding times "
                            "the condition number",
                            "", std::array<std::string_view, 6>{"tsqr", "cholesky"}}};
  }
};

/// The Gram matrix of A1 (x) A2 exactly: (A1 (x) A2)'(A1 (x) A2) = (R1 (x) R2)'(R1 (x) R2) with A1 = Q1 R1, A2 = Q2 R2.
///
///   rank r: its rows of A1, A2   ->   R1_r, R2_r   ->   combined along a tree: R1, R2 everywhere (tsqr)
///                                ->   G1_r, G2_r   ->   all_reduce, then Cholesky everywhere (cholesky)
///
/// Shapes: rows of A1 and A2 in blocks; answer R1 (d x d), R2 (d2 x d2) on all ranks, a product.
/// Collective. Cost per rank: 2 n d^2 / P flops a factor, one message of d (d + 1) words; cholesky: half, two messages.
/// Errors: CollectiveError where a factor is rank deficient (cholesky: to half the digits).
/// Source: (A (x) B)'(A (x) B) = A'A (x) B'B; TSQR as in Demmel, Grigori, Hoemmen, Langou (2012).
template <class T>
class QrFactors {
 public:
  static constexpr std::string_view name = "qr_factors";
  using Params = QrFactorsParams;
  using Counts = NoFields;

  static void validate(const KroneckerSpec&, const Params&) {}
  QrFactors(const Communicator&, const KroneckerSpec&, const Params&);
  const KroneckerSpectralSolution<T>& run(const KroneckerSpectralProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const KroneckerSpec&, const Params&) { return {}; }
  static Schedule schedule(const KroneckerSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void from_gram_matrices(const KroneckerFactors<T>&);

  Communicator comm_;
  Params params_;
  FactorTriangles<T> triangles_;
  std::array<Gram<T>, 2> grams_;
  AlignedVector<T> travelling_;
  KroneckerSpectralSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_spectral
