#pragma once

#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factor_halving.hpp"
#include "methods/regression/kronecker/quantum_options.hpp"
#include "methods/regression/kronecker_regression/problem.hpp"
#include "methods/regression/kronecker_regression/sketched_regression.hpp"

namespace breakeven::regression::kronecker_regression {

struct QuantumParams : KroneckerQuantumParams {
  QuantumParams() { tolerance = 0.1; }
  static constexpr auto fields() {
    return KroneckerQuantumParams::described(
        "residual excess to expect at worst: (1 + d/k)(1 + d2/k) = 1 + tolerance for k rows of each factor");
  }
};

/// Regression on sampled rows and columns of B that a quantum computer would find with few queries to the factors:
/// repeated halving of A1 and of A2, a last sample of about k rows each, of B the entries where they meet.
///
///   FactorHalving of A1, of A2: weighted rows on all ranks, queries in a ledger   ->   SketchedRegression: X
///
/// Shapes: rows of A1 and A2 in blocks; answer X (d x d2) on all ranks.
/// Collective. Cost per rank: about 6 n d^2 / P flops a factor, k^2 / P entries of B; messages of both halvings (see
/// FactorHalving), then three. Queries are no time and are never converted to one.
/// Errors: CollectiveError where a factor is rank deficient, a sample is, or B cannot be read.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027 [reconstructed]: halving of each factor, then the product
/// of the two samples. Its use for regression [derived]. Entries of B are read classically.
template <class T>
class Quantum {
 public:
  static constexpr std::string_view name = "quantum";
  using Params = QuantumParams;
  using Counts = KroneckerQuantumCounts;

  static void validate(const KroneckerRegressionSpec&, const Params&);
  Quantum(const Communicator&, const KroneckerRegressionSpec&, const Params&);
  const KroneckerRegressionSolution<T>& run(const KroneckerRegressionProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const KroneckerRegressionSpec&, const Params&);
  static Schedule schedule(const KroneckerRegressionSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  KroneckerRegressionSpec spec_;
  Params params_;
  std::array<FactorHalving<T>, 2> halvings_;
  SketchedRegression regression_;
  Counts counts_;
  KroneckerRegressionSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_regression
