#pragma once

#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factor_halving.hpp"
#include "methods/regression/kronecker/quantum_options.hpp"
#include "methods/regression/kronecker_spectral/problem.hpp"

namespace breakeven::regression::kronecker_spectral {

struct QuantumParams : KroneckerQuantumParams {
  static constexpr auto fields() {
    return KroneckerQuantumParams::described(
        "whitened error to expect: (1 + e)^2 = 1 + tolerance, 4 d / e^2 rows of each factor");
  }
};

/// The product of two samples of rows, of A1 and of A2, that a quantum computer would find with few queries: repeated
/// halving of each factor, then a last sample. Here the sampling is exact and classical, so every score is computed
/// (three for each row), and a ledger adds up the queries that amplitude amplification would have drawn.
///
///   FactorHalving of A1, of A2: weighted rows on all ranks, queries in a ledger   ->   the product of the two
///
/// Shapes: rows of A1 and A2 in blocks; answer k1 x d and k2 x d2 on all ranks, a product.
/// Collective. Cost per rank: about 6 n d^2 / P flops a factor; messages of both halvings, see FactorHalving. Queries
/// are no time and are never converted to one.
/// Errors: CollectiveError where a factor is rank deficient.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027 [reconstructed]: halving of each factor, then the product
/// of the two samples, with queries growing as sqrt(n d) / eps.
template <class T>
class Quantum {
 public:
  static constexpr std::string_view name = "quantum";
  using Params = QuantumParams;
  using Counts = KroneckerQuantumCounts;

  static void validate(const KroneckerSpec&, const Params&);
  Quantum(const Communicator&, const KroneckerSpec&, const Params&);
  const KroneckerSpectralSolution<T>& run(const KroneckerSpectralProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const KroneckerSpec&, const Params&);
  static Schedule schedule(const KroneckerSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  KroneckerSpec spec_;
  Params params_;
  std::array<FactorHalving<T>, 2> halvings_;
  Counts counts_;
  KroneckerSpectralSolution<T> solution_;
};

}  // namespace breakeven::regression::kronecker_spectral
