#include "methods/regression/kronecker_spectral/problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "methods/regression/kronecker/generators.hpp"
#include "methods/regression/kronecker/oracle.hpp"
#include "numerics/gram.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Index rows_at_once = 256;

/// row R^-1.
template <class T>
void whiten(const T* row, const Array<double>& inverse, double* out) {
  std::fill_n(out, inverse.columns(), 0.0);
  for (Index p = 0; p < inverse.rows(); ++p)
    for (Index c = p; c < inverse.columns(); ++c) out[c] += static_cast<double>(row[p]) * inverse(0, p, c);
}

/// Smallest and largest eigenvalue of the sum over ranks of a packed Gram matrix. NaN where it is not finite.
std::array<double, 2> extreme_eigenvalues(const Communicator& comm, Gram<double>& gram, Index d) {
  comm.all_reduce(gram.packed());
  for (const double entry : gram.packed())
    if (!std::isfinite(entry)) return {entry - entry, entry - entry};
  const std::vector<double> values = symmetric_eigenvalues(Gram<double>::matrix(gram.packed(), d));
  return {values.front(), values.back()};
}

/// Of one factor of a product, each rank folding its share of the rows.
template <class T>
std::array<double, 2> part_eigenvalues(const Communicator& comm, const Array<T>& part, const Array<double>& inverse) {
  const Range share = block(part.rows(), comm.size(), comm.rank());
  Array<double> whitened(1, share.size(), part.columns());
  for (Index i = 0; i < share.size(); ++i) whiten(part.row(0, share.begin + i), inverse, whitened.row(0, i));
  Gram<double> gram(part.columns(), 0);
  gram.start();
  gram.absorb(whitened.data(), nullptr, share.size());
  return extreme_eigenvalues(comm, gram, part.columns());
}

template <class T>
std::array<double, 2> pair_eigenvalues(const Communicator& comm, const KroneckerSpectralSolution<T>& solution,
                                       const std::array<Array<double>, 2>& inverse) {
  const Index d = inverse[0].columns(), d2 = inverse[1].columns(), held = solution.parts[0].rows();
  std::vector<double> left(static_cast<std::size_t>(d)), right(static_cast<std::size_t>(d2));
  Array<double> chunk(1, rows_at_once, d * d2);
  Gram<double> gram(d * d2, 0);
  gram.start();
  for (Index begin = 0; begin < held; begin += rows_at_once) {
    const Index count = std::min(rows_at_once, held - begin);
    for (Index i = 0; i < count; ++i) {
      whiten(solution.parts[0].row(0, begin + i), inverse[0], left.data());
      whiten(solution.parts[1].row(0, begin + i), inverse[1], right.data());
      double* out = chunk.row(0, i);
      for (const double p : left)
        for (const double q : right) *out++ = p * q;
    }
    gram.absorb(chunk.data(), nullptr, count);
  }
  return extreme_eigenvalues(comm, gram, d * d2);
}

template <class T>
bool close(const Array<T>& a, const Array<T>& b, double relative) {
  if (a.rows() != b.rows() || a.columns() != b.columns()) return false;
  double largest = 0;
  for (const T entry : a.span()) largest = std::max(largest, std::abs(static_cast<double>(entry)));
  for (Index i = 0; i < a.size(); ++i)
    if (!(std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])) <= relative * largest))
      return false;
  return true;
}

}  // namespace

template <class T>
KroneckerSpec KroneckerSpectralProblem<T>::normalised(Spec spec) {
  settle_sizes(spec);
  return spec;
}

template <class T>
KroneckerSpec KroneckerSpectralProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  Spec spec = wanted;
  take_factor_sizes(file, spec);
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> KroneckerSpectralProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<KroneckerSource<T>>(spec, 0.0, seed);
}

template <class T>
KroneckerSpectralReference KroneckerSpectralProblem<T>::reference(const Communicator& comm, const Spec& spec,
                                                                  const Source<T>& source, std::uint64_t) {
  return {reference_triangles(comm, spec, source)};
}

template <class T>
KroneckerSpectralQuality KroneckerSpectralProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                              const KroneckerSpectralProblem&,
                                                              const Solution& solution) {
  const std::array<Array<double>, 2> inverse{inverse_of_upper(reference.r[0]), inverse_of_upper(reference.r[1])};
  KroneckerSpectralQuality quality;
  for (const std::size_t factor : {0u, 1u}) quality.storage += solution.rows[factor] * solution.parts[factor].columns();
  if (solution.pairs) {
    const auto [low, high] = pair_eigenvalues(comm, solution, inverse);
    quality.eigenvalue_min = low, quality.eigenvalue_max = high;
  } else {
    const auto left = part_eigenvalues(comm, solution.parts[0], inverse[0]);
    const auto right = part_eigenvalues(comm, solution.parts[1], inverse[1]);
    // Gram matrices have no negative eigenvalues: the products of the ends are the ends of the products.
    quality.eigenvalue_min = left[0] * right[0], quality.eigenvalue_max = left[1] * right[1];
  }
  quality.halving_error = halving_error(solution.halved, reference.r);
  const double error = std::max(1 - quality.eigenvalue_min, quality.eigenvalue_max - 1);
  quality.error =
      std::isnan(quality.eigenvalue_min + quality.eigenvalue_max) ? std::numeric_limits<double>::infinity() : error;
  return quality;
}

template <class T>
bool KroneckerSpectralProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  if (a.pairs != b.pairs || a.rows != b.rows) return false;
  constexpr double c = 64;  // roundings of a whitened row of few entries, with room
  const double condition = 1 / std::min(reciprocal_condition(reference.r[0]), reciprocal_condition(reference.r[1]));
  const double relative = c * static_cast<double>(std::numeric_limits<T>::epsilon()) * condition;
  return close(a.parts[0], b.parts[0], relative) && close(a.parts[1], b.parts[1], relative);
}

template <class T>
std::vector<SolutionArray> KroneckerSpectralProblem<T>::solution_arrays(const Spec&, const Layout& layout, int rank,
                                                                        const Solution& solution) {
  std::vector<SolutionArray> arrays;
  for (const std::size_t factor : {0u, 1u}) {
    const Array<T>& part = solution.parts[factor];
    const Range share = block(solution.rows[factor], layout.ranks(), rank);
    const Index first = solution.pairs ? 0 : share.begin;  // a product is whole on every rank
    SolutionArray array;
    array.name = factor == 0 ? "left" : "right";
    array.shape = {solution.rows[factor], part.columns()};
    array.ranges = {share};
    array.values = std::span<const T>(part.data() + first * part.columns(),
                                      static_cast<std::size_t>(share.size() * part.columns()));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

template struct KroneckerSpectralProblem<float>;
template struct KroneckerSpectralProblem<double>;

}  // namespace breakeven::regression
