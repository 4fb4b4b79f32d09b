#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/solution_array.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factors.hpp"
#include "methods/regression/whitened_error.hpp"

namespace breakeven::regression {

/// A matrix M whose Gram matrix M'M stands for A'A, A = A1 (x) A2, given by rows of the factors:
///   product: M = left (x) right, left'left near A1'A1 and right'right near A2'A2
///   pairs:   row l of M is left_l (x) right_l, which are sampled and weighted rows of A1 and A2
/// Rows of a product are equal on all ranks; of pairs each rank holds its balanced block.
template <class T>
struct KroneckerSpectralSolution {
  bool pairs = false;
  std::array<Index, 2> rows{};            ///< of left and right, on all ranks together
  std::array<Array<T>, 2> parts;          ///< left (rows x d), right (rows x d2)
  std::array<Array<double>, 2> halved{};  ///< R of the samples that the halving of A1 and A2 ended with, else empty
};

struct KroneckerSpectralQuality {
  double error = 0;
  double eigenvalue_min = 0;
  double eigenvalue_max = 0;
  Index storage = 0;
  double halving_error = std::numeric_limits<double>::quiet_NaN();

  static constexpr auto fields() {
    using Quality = KroneckerSpectralQuality;
    return std::tuple{
        Field{
            "error", &Quality::error,
            "whitened error |Q'(M'M - A'A)Q|_2 with A = Q R: smallest eps with (1 - eps) A'A <= M'M <= (1 + eps) A'A"},
        Field{"eigenvalue-min", &Quality::eigenvalue_min, "smallest eigenvalue of M'M against A'A"},
        Field{"eigenvalue-max", &Quality::eigenvalue_max, "largest eigenvalue of M'M against A'A"},
        Field{"storage", &Quality::storage, "numbers that stand for M, all ranks together: entries of left and right"},
        Field{"halving-error", &Quality::halving_error, halving_error_help}};
  }
};

/// Triangles of the two factors, in float64 from rows of all ranks. Equal on all ranks.
struct KroneckerSpectralReference {
  std::array<Array<double>, 2> r;  ///< R1, R2
};

/// regression/kronecker_spectral: a spectral approximation of A1 (x) A2. This rank's rows of both factors.
/// Source: Gao, Song, Zhang (2024), arXiv 2402.07027.
template <class T>
struct KroneckerSpectralProblem {
  static constexpr std::string_view family = "regression";
  static constexpr std::string_view name = "kronecker_spectral";
  using Scalar = T;
  using Spec = KroneckerSpec;
  using Solution = KroneckerSpectralSolution<T>;
  using Quality = KroneckerSpectralQuality;
  using Reference = KroneckerSpectralReference;

  Spec spec;
  Layout layout;
  KroneckerFactors<T> factors;

  KroneckerSpectralProblem(const Spec& wanted, const Source<T>& source, const Layout& rows, int rank)
      : spec(wanted), layout(rows), factors(wanted, source, rows, rank) {}

  /// n2 = n and d2 = d are 0.
  static Spec normalised(Spec spec);
  static void validate(const Spec& spec) { validate_factors(spec); }
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec& spec, const Layout& layout, int rank) {
    return KroneckerFactors<T>::bytes(spec, layout, rank);
  }
  std::optional<BadValue> first_bad_value() const { return factors.first_bad_value(); }
  /// The spec as it is; refuses a factor with a column of zeros.
  static Spec observed(const Communicator& comm, const Spec& spec, const KroneckerSpectralProblem& problem) {
    require_columns(comm, problem.factors);
    return spec;
  }
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  /// Eigenvalues of the Gram matrix of M R^-1, R = R1 (x) R2: for pairs a D x D matrix, for a product the products of
  /// eigenvalues of two small ones. Cost per rank: pairs 2 s D^2 / P flops and O(D^3).
  static Quality quality(const Communicator&, const Reference&, const KroneckerSpectralProblem&, const Solution&);
  /// Rows equal within rounding: c eps kappa of the largest entry, kappa the factors' condition, which both triangles
  /// and leverage scores carry.
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);
};

}  // namespace breakeven::regression
