#include "methods/regression/softmax_relu/newton_cg.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr double least_curvature = 1e-12;  // p'Hp below this many p'p counts as negative
constexpr Index osnap_multiple = 8;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Index sketch_rows(const SoftmaxReluSpec& spec, const NewtonCgParams& params) {
  if (params.preconditioner != "osnap") return 0;
  const double rows = std::ceil(params.sketch_factor * static_cast<double>(spec.d) / osnap_multiple);
  return osnap_multiple * static_cast<Index>(rows);
}

}  // namespace

template <class T>
NewtonCgParams NewtonCg<T>::normalised(Params params) {
  if (params.preconditioner == "gram") {  // takes no sketch: one case, one hash
    params.sketch_factor = std::numeric_limits<double>::quiet_NaN();
    params.fresh = false;
    params.draw = unknown_index;
  } else if (std::isnan(params.sketch_factor)) {
    params.sketch_factor = params.preconditioner == "osnap" ? 4 : 3;
  }
  return params;
}

template <class T>
void NewtonCg<T>::validate(const SoftmaxReluSpec& spec, const Params& params) {
  validate_limits<T>(params.tolerance, params.max_iterations);
  if (params.max_inner < 1) throw BadRequest("max-inner must be at least 1, got " + std::to_string(params.max_inner));
  if (params.preconditioner == "gram") return;
  const double least = params.preconditioner == "osnap" ? 1 : 0;
  if (!(params.sketch_factor >= least && params.sketch_factor > 0 && std::isfinite(params.sketch_factor)))
    throw BadRequest("sketch-factor must be " +
                     std::string(least > 0 ? "at least 1, so that the sketch has d rows," : "positive") +
                     " and finite, got " + to_text(Value(params.sketch_factor)));
  require_countable("sketch-factor d^2, the entries of the sketch,",
                    params.sketch_factor * static_cast<double>(spec.d) * static_cast<double>(spec.d));
}

template <class T>
NewtonCg<T>::NewtonCg(const Communicator& comm, const SoftmaxReluSpec& spec, const Params& params)
    : spec_(spec),
      params_(params),
      weighted_a1_(comm, spec),
      descent_(comm, spec, {params.tolerance, params.max_iterations, true}),
      squares_(static_cast<std::size_t>(block(spec.n, comm.size(), comm.rank()).size())) {}

/// The preconditioner R'R ~ A1'W^2A1; a new draw each time.
template <class T>
bool NewtonCg<T>::factor(const SoftmaxReluProblem<T>& problem) {
  SoftmaxReluCounts& counts = descent_.counts();
  // Draws of different steps must not meet those of other values of `draw`.
  const auto draw =
      static_cast<std::uint64_t>(params_.draw) + (static_cast<std::uint64_t>(counts.factorisations) << 32);
  if (params_.preconditioner == "osnap") {
    r_ = weighted_a1_.sketched_factor(problem, sketch_rows(spec_, params_), draw);
  } else if (params_.preconditioner == "gram") {
    r_ = weighted_a1_.exact_factor(problem);
  } else {
    std::transform(problem.w.begin(), problem.w.end(), squares_.begin(), [](T weight) { return weight * weight; });
    Index kept = 0;
    r_ = cholesky(weighted_a1_.sampled_gram(problem, squares_, leverage_samples(params_.sketch_factor, spec_.d),
                                            static_cast<std::uint64_t>(params_.draw), counts.factorisations, kept));
    counts.rows_kept += kept;
  }
  ++counts.factorisations;
  return r_.has_value();
}

template <class T>
void NewtonCg<T>::product(std::span<const double> v, std::span<double> result) {
  if (params_.products == "formed")
    descent_.model().product_with_formed(v, result);
  else
    descent_.model().implicit_product(v, result);
  ++descent_.counts().inner;
}

/// Conjugate gradients on H p = -g from p = 0; never longer than the forcing term asks, never along negative curvature.
template <class T>
std::optional<Step> NewtonCg<T>::direction(std::span<const double> gradient) {
  const double target = std::min(1e-2, std::sqrt(descent_.reduction())) * euclidean_norm(gradient);
  std::vector<double> solution(gradient.size(), 0), residual(gradient.begin(), gradient.end()), h_p(gradient.size());
  std::vector<double> z = descend(*r_, residual), p = z;  // z = -(R'R)^-1 residual, residual = H solution + g
  double along = -dot(residual, z);
  for (Index step = 0; step < params_.max_inner; ++step) {
    product(p, h_p);
    const double curvature = dot(p, h_p);
    if (!(curvature > least_curvature * dot(p, p))) {
      ++descent_.counts().modified_steps;
      if (step == 0) solution = p;
      break;
    }
    const double length = along / curvature;
    for (std::size_t k = 0; k < p.size(); ++k) {
      solution[k] += length * p[k];
      residual[k] += length * h_p[k];
    }
    if (euclidean_norm(residual) <= target) break;
    z = descend(*r_, residual);
    const double next = -dot(residual, z);
    for (std::size_t k = 0; k < p.size(); ++k) p[k] = z[k] + next / along * p[k];
    along = next;
  }
  return Step{std::move(solution), 1};
}

template <class T>
const SoftmaxReluSolution<T>& NewtonCg<T>::run(const SoftmaxReluProblem<T>& problem) {
  r_.reset();
  const bool full_rank = params_.preconditioner != "leverage" || weighted_a1_.compute_scores(problem);
  descent_.minimise(problem, [&](std::span<const double> gradient, std::string& why_not) -> std::optional<Step> {
    if (!full_rank || ((params_.fresh || !r_) && !factor(problem))) {
      why_not = "the preconditioner is not positive definite: W A1 has no full rank, or sketch-factor is too small";
      return std::nullopt;
    }
    if (params_.products == "formed") {
      descent_.model().form_curvature();
      ++descent_.counts().hessian_builds;
    }
    return direction(gradient);
  });
  return descent_.solution();
}

template <class T>
SoftmaxReluCounts NewtonCg<T>::expected(const SoftmaxReluSpec& spec, const Params& params) {
  Counts counts;
  counts.iterations = 7;
  counts.evaluations = 8;
  counts.inner = 50;
  counts.hessian_builds = params.products == "formed" ? counts.iterations : 0;
  counts.factorisations = params.fresh ? counts.iterations : 1;
  if (params.preconditioner == "leverage")
    counts.rows_kept =
        counts.factorisations * std::min(spec.n, static_cast<Index>(leverage_samples(params.sketch_factor, spec.d)));
  return counts;
}

template <class T>
Schedule NewtonCg<T>::schedule(const SoftmaxReluSpec& spec, const Params& params, const Counts& counts, int ranks,
                               int rank) {
  const ModelCost cost(spec, ranks, rank, sizeof(T));
  Schedule schedule;
  if (params.preconditioner == "leverage") WeightedA1<T>::add_scores(schedule, cost);
  add_descent(schedule, cost, counts);
  const double kept_share =
      static_cast<double>(counts.rows_kept) / static_cast<double>(std::max<Index>(1, counts.factorisations) * spec.n);
  for (Index i = 0; i < counts.factorisations; ++i) {
    if (params.preconditioner == "osnap")
      WeightedA1<T>::add_sketched_factor(schedule, cost, sketch_rows(spec, params));
    else if (params.preconditioner == "gram")
      WeightedA1<T>::add_exact_factor(schedule, cost);
    else
      WeightedA1<T>::add_sampled_gram(schedule, cost, kept_share);
  }
  for (Index i = 0; i < counts.hessian_builds; ++i) cost.curvature(schedule);
  for (Index i = 0; i < counts.inner; ++i) cost.product(schedule, params.products == "formed");
  return schedule.resident(cost.resident_bytes() + WeightedA1<T>::resident_bytes(cost, sketch_rows(spec, params)) +
                           static_cast<Index>(cost.rows * cost.word));
}

template class NewtonCg<float>;
template class NewtonCg<double>;

}  // namespace breakeven::regression
