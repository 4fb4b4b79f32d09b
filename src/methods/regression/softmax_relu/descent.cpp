#include "methods/regression/softmax_relu/descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace breakeven::regression {
namespace {

constexpr double sufficient_decrease = 1e-4;
constexpr double judged_above = 100;  // roundings of the loss that a step must promise to gain
constexpr int most_halvings = 50;
constexpr int most_idle = 20;
constexpr double kink_threshold = 1e-8;
constexpr int halvings_on_kink = 10;  // of a step that ends on a kink: the loss falls on no longer one
constexpr double divergence = 1e6;    // times the loss at the start

template <class T>
constexpr double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

double euclidean_norm(std::span<const double> v) {
  return std::sqrt(dot(v, v));
}

double local_rate(std::span<const double> reductions) {
  const double last = reductions.empty() ? 0 : reductions.back();
  if (reductions.size() < 2 || !(last > 0)) return std::numeric_limits<double>::quiet_NaN();
  std::size_t from = 0;  // the step at which half of the digits were gained; one step is left at least
  while (from + 2 < reductions.size() && reductions[from] > std::sqrt(last)) ++from;
  const auto steps = static_cast<double>(reductions.size() - 1 - from);
  return std::pow(last / reductions[from], 1 / steps);
}

double steps_a_digit(std::span<const double> reductions) {
  const auto size = static_cast<double>(reductions.size());
  if (reductions.size() < 3) return std::numeric_limits<double>::quiet_NaN();
  double mean = 0, xx = 0, xy = 0;
  for (const double reduction : reductions) mean -= std::log10(reduction) / size;
  for (std::size_t step = 0; step < reductions.size(); ++step) {
    const double x = -std::log10(reductions[step]) - mean;
    xx += x * x, xy += x * static_cast<double>(step);
  }
  return std::isfinite(xx) && xx > 0 ? xy / xx : std::numeric_limits<double>::quiet_NaN();
}

template <class T>
void validate_limits(double tolerance, Index max_iterations) {
  // The gradient sums terms that cancel; its rounding was seen to stay below some hundred units of its start.
  const double least = 1024 * epsilon<T>;
  if (!(tolerance >= least && tolerance < 1))
    throw BadRequest("tolerance must be at least " + to_text(Value(least)) + (sizeof(T) == 4 ? " in f32" : " in f64") +
                     " and below 1, got " + to_text(Value(tolerance)));
  if (max_iterations < 1) throw BadRequest("max-iterations must be at least 1, got " + std::to_string(max_iterations));
}

template <class T>
Descent<T>::Descent(const Communicator& comm, const SoftmaxReluSpec& spec, const DescentLimits& limits)
    : model_(comm, spec), limits_(limits) {
  solution_.x = Array<T>(1, spec.d, 1);
  reductions_.reserve(static_cast<std::size_t>(std::min<Index>(limits.max_iterations, 1024) + 1));
}

template <class T>
std::span<const double> Descent<T>::begin(const SoftmaxReluProblem<T>& problem) {
  counts_ = {};
  last_length_ = 1;
  on_kink_ = false;
  model_.bind(problem);
  model_.move_to(softmax_relu_start(problem.spec));
  ++counts_.evaluations;
  start_loss_ = model_.loss();
  const std::span<const double> gradient = model_.gradient();
  start_norm_ = euclidean_norm(gradient);
  reduction_ = start_norm_ > 0 ? 1 : 0;
  reductions_.assign(1, 1.0);
  return gradient;
}

template <class T>
bool Descent<T>::note(double gradient_norm) {
  ++counts_.iterations;
  reduction_ = gradient_norm / start_norm_;
  reductions_.push_back(reduction_);
  if (reduction_ <= 1e-6 && counts_.iterations_to_1e6 == unknown_index) counts_.iterations_to_1e6 = counts_.iterations;
  if (reduction_ <= 1e-12 && counts_.iterations_to_1e12 == unknown_index)
    counts_.iterations_to_1e12 = counts_.iterations;
  return reduction_ <= limits_.tolerance;
}

template <class T>
bool Descent<T>::search(const Step& step, std::span<const double> gradient, std::string& why_not) {
  std::vector<double> p = step.p;
  double slope = dot(gradient, p), length = step.length;
  if (limits_.damped && !(slope < 0)) {
    p.assign(gradient.begin(), gradient.end());
    for (double& entry : p) entry = -entry;
    slope = -dot(gradient, gradient);
  }
  model_.set_direction(p);
  const double loss = model_.loss(), rounding = model_.loss_rounding();
  // Where the loss cannot tell a good length from a bad one, the last length that it did judge is trusted: half of it,
  // which contracts for sure, if it was shorter than what is tried.
  const bool judged = std::abs(length * slope) > judged_above * rounding;
  if (!judged && last_length_ < length) length = last_length_ / 2;
  for (int halving = 0; halving < most_halvings; ++halving, length /= 2) {
    const double trial = model_.trial(length);
    ++counts_.evaluations;
    if (!limits_.damped && !(trial <= divergence * start_loss_)) {
      why_not = "diverged at step " + std::to_string(counts_.iterations + 1) + ": loss " + to_text(Value(trial)) +
                ", " + to_text(Value(start_loss_)) + " at the start";
      return false;
    }
    if (!limits_.damped || trial <= loss + sufficient_decrease * length * slope + rounding) {
      model_.accept();
      on_kink_ = halving >= halvings_on_kink && model_.kink() < kink_threshold;
      if (judged) last_length_ = length;
      return true;
    }
  }
  why_not = "no step along the direction lowers the loss";
  return false;
}

template <class T>
void Descent<T>::minimise(const SoftmaxReluProblem<T>& problem, const Direction& direction) {
  std::span<const double> gradient = begin(problem);
  std::string why_not;
  bool converged = reduction_ == 0;
  double smallest = start_norm_;
  int idle = 0;  // steps in a row that lowered neither the loss, as far as it can be told, nor the gradient
  while (!converged) {
    if (counts_.iterations >= limits_.max_iterations) {
      why_not = "max-iterations " + std::to_string(limits_.max_iterations) + " reached";
      break;
    }
    const double judged_loss = model_.loss() - model_.loss_rounding();
    const std::optional<Step> step = direction(gradient, why_not);
    if (!step || !search(*step, gradient, why_not)) break;
    gradient = model_.gradient();
    const double norm = euclidean_norm(gradient);
    converged = note(norm);
    idle = model_.loss() < judged_loss || norm < smallest ? 0 : idle + 1;
    smallest = std::min(smallest, norm);
    if (on_kink_ && !converged) break;
    if (idle == most_idle) {
      why_not = std::to_string(most_idle) + " steps lowered neither loss nor gradient";
      break;
    }
  }
  finish(why_not);
}

template <class T>
void Descent<T>::finish(const std::string& why_not_converged) {
  const std::span<const double> x = model_.x();
  for (std::size_t k = 0; k < x.size(); ++k) solution_.x.data()[k] = static_cast<T>(x[k]);
  const bool definite = model_.proven_definite();
  const double kink = model_.kink();
  promise_ = {};
  counts_.steps_a_digit = steps_a_digit(reductions_);
  counts_.local_rate = local_rate(reductions_);
  counts_.converged = reduction_ <= limits_.tolerance;
  if (reduction_ <= limits_.tolerance) {
    // The promise is judged by another gradient, rounded otherwise.
    promise_ = {Promise::Kind::certified, "gradient_reduction", limits_.tolerance + 512 * epsilon<T>, ""};
    if (!definite) promise_.reason = "the weights do not prove the Hessian positive definite: it may be indefinite";
  } else if (kink < kink_threshold) {
    promise_.reason = "kink: min |u| / median |u| is " + to_text(Value(kink)) +
                      ": x is on a kink of the ReLU, where no Hessian exists; gradient reduced to " +
                      to_text(Value(reduction_));
  } else {
    promise_.reason = "not converged: " + why_not_converged + "; gradient reduced to " + to_text(Value(reduction_)) +
                      ", asked for " + to_text(Value(limits_.tolerance)) +
                      (definite ? "" : "; the Hessian may be indefinite: the weights do not prove it definite there");
  }
}

void add_descent(Schedule& schedule, const ModelCost& cost, const SoftmaxReluCounts& counts) {
  cost.move(schedule);
  cost.gradient(schedule);
  for (Index i = 0; i < counts.iterations; ++i) {
    cost.direction(schedule);
    cost.gradient(schedule);
  }
  for (Index i = 1; i < counts.evaluations; ++i) cost.trial(schedule);
  cost.definite(schedule);
}

template class Descent<float>;
template class Descent<double>;
template void validate_limits<float>(double, Index);
template void validate_limits<double>(double, Index);

}  // namespace breakeven::regression
