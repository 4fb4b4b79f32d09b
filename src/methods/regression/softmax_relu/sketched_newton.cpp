#include "methods/regression/softmax_relu/sketched_newton.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

/// Of A1'DA1 in the norm of A1'W^2A1, where W^2 is all of D: the singular values of k rows that keep d whitened columns
/// (Marchenko and Pastur 1967).
double predicted_rate(const SoftmaxReluSpec& spec, double samples) {
  return 2 * std::sqrt(static_cast<double>(spec.d) / samples);
}

}  // namespace

template <class T>
void SketchedNewton<T>::validate(const SoftmaxReluSpec&, const Params& params) {
  validate_limits<T>(params.tolerance, params.max_iterations);
  if (!(params.sample_factor > 0 && std::isfinite(params.sample_factor)))
    throw BadRequest("sample-factor must be positive and finite, got " + to_text(Value(params.sample_factor)));
}

template <class T>
SketchedNewton<T>::SketchedNewton(const Communicator& comm, const SoftmaxReluSpec& spec, const Params& params)
    : spec_(spec),
      params_(params),
      weighted_a1_(comm, spec),
      descent_(comm, spec, {params.tolerance, params.max_iterations, params.damping == "armijo"}) {}

template <class T>
const SoftmaxReluSolution<T>& SketchedNewton<T>::run(const SoftmaxReluProblem<T>& problem) {
  const bool full_rank = weighted_a1_.compute_scores(problem);
  const double samples = leverage_samples(params_.sample_factor, spec_.d);
  AlignedVector<T> diagonal;
  descent_.minimise(problem, [&](std::span<const double> gradient, std::string& why_not) -> std::optional<Step> {
    if (!full_rank) {
      why_not = "W A1 has no full column rank to working precision";
      return std::nullopt;
    }
    const std::span<const T> exact = descent_.model().diagonal();
    diagonal.assign(exact.begin(), exact.end());
    for (T& entry : diagonal) entry = std::max(entry, T(0));
    Index kept = 0;
    const Array<double> sampled = weighted_a1_.sampled_gram(
        problem, diagonal, samples, static_cast<std::uint64_t>(params_.draw), descent_.counts().hessian_builds, kept);
    ++descent_.counts().hessian_builds;
    descent_.counts().rows_kept += kept;
    const std::optional<Array<double>> r = cholesky(sampled);
    if (!r) {
      why_not = "the sampled matrix of " + std::to_string(kept) +
                " rows is not positive definite, a larger sample-factor keeps more";
      return std::nullopt;
    }
    return Step{descend(*r, gradient), 1};
  });
  descent_.counts().predicted_rate = predicted_rate(spec_, samples);
  return descent_.solution();
}

template <class T>
SoftmaxReluCounts SketchedNewton<T>::expected(const SoftmaxReluSpec& spec, const Params& params) {
  Counts counts;
  counts.iterations = counts.hessian_builds = 20;
  counts.evaluations = 21;
  counts.rows_kept =
      counts.hessian_builds * std::min(spec.n, static_cast<Index>(leverage_samples(params.sample_factor, spec.d)));
  counts.predicted_rate = predicted_rate(spec, leverage_samples(params.sample_factor, spec.d));
  return counts;
}

template <class T>
Schedule SketchedNewton<T>::schedule(const SoftmaxReluSpec& spec, const Params&, const Counts& counts, int ranks,
                                     int rank) {
  const ModelCost cost(spec, ranks, rank, sizeof(T));
  Schedule schedule;
  WeightedA1<T>::add_scores(schedule, cost);
  add_descent(schedule, cost, counts);
  // Kept rows are spread over the ranks as all rows are; each rank's own number is not counted.
  const double builds = static_cast<double>(std::max<Index>(1, counts.hessian_builds));
  const double kept_share = static_cast<double>(counts.rows_kept) / builds / static_cast<double>(spec.n);
  for (Index i = 0; i < counts.hessian_builds; ++i) {
    WeightedA1<T>::add_sampled_gram(schedule, cost, kept_share);
    schedule.compute(cost.d * cost.d * cost.d / 3, cost.d * cost.d * sizeof(double));
  }
  return schedule.resident(cost.resident_bytes() + WeightedA1<T>::resident_bytes(cost, 0) +
                           static_cast<Index>(cost.rows * cost.word));
}

template class SketchedNewton<float>;
template class SketchedNewton<double>;

}  // namespace breakeven::regression
