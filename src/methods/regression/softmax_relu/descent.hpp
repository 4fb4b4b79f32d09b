#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/fields.hpp"
#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "methods/regression/softmax_relu/model.hpp"

namespace breakeven::regression {

/// What the data decided, the same for all methods of softmax_relu.
struct SoftmaxReluCounts {
  Index iterations = 0;
  Index evaluations = 0;
  Index inner = 0;
  Index hessian_builds = 0;
  Index factorisations = 0;
  Index modified_steps = 0;
  Index rows_kept = 0;
  Index iterations_to_1e6 = unknown_index;
  Index iterations_to_1e12 = unknown_index;
  double steps_a_digit = std::numeric_limits<double>::quiet_NaN();
  double local_rate = std::numeric_limits<double>::quiet_NaN();
  double predicted_rate = std::numeric_limits<double>::quiet_NaN();
  bool converged = true;

  static constexpr auto fields() {
    using Counts = SoftmaxReluCounts;
    return std::tuple{
        Field{"iterations", &Counts::iterations, "steps taken"},
        Field{"evaluations", &Counts::evaluations, "losses computed, rejected trial steps included"},
        Field{"inner", &Counts::inner, "Hessian products"},
        Field{
            "hessian-builds", &Counts::hessian_builds,
            "Newton matrices assembled from all ranks: exact or sampled; newton-cg: the m x d factor of its products"},
        Field{"factorisations", &Counts::factorisations,
              "matrices for A1'W^2A1 made from all ranks, exact or sketched"},
        Field{"modified-steps", &Counts::modified_steps,
              "steps at which the matrix was not positive definite: eigenvalues replaced by their absolute values, or "
              "inner iterations ended by negative curvature"},
        Field{"rows-kept", &Counts::rows_kept, "rows of A1 sampled, all steps together"},
        Field{"iterations-to-1e6", &Counts::iterations_to_1e6, "steps until the gradient norm fell by 1e6"},
        Field{"iterations-to-1e12", &Counts::iterations_to_1e12, "steps until the gradient norm fell by 1e12"},
        Field{"steps-a-digit", &Counts::steps_a_digit,
              "slope of the least-squares line through (log10(1 / gradient reduction), steps), start included"},
        Field{
            "local-rate", &Counts::local_rate,
            "gradient norm after a step relative to before it: geometric mean over the last half of the digits gained"},
        Field{"predicted-rate", &Counts::predicted_rate,
              "sketched-newton: 2 sqrt(d / k), the whitened error of a sample of k rows, which bounds the local rate"},
        Field{"converged", &Counts::converged, "whether the gradient norm fell as asked; if not, no time counts", ""}};
  }
};

/// The options of every method's outer loop.
struct DescentLimits {
  double tolerance = 1e-8;
  Index max_iterations = 200;
  bool damped = true;  ///< steps by Armijo's rule; otherwise the full step, whatever it does
};

/// Refuses a tolerance outside (0, 1) or below what rounding in T allows, and fewer than one iteration.
template <class T>
void validate_limits(double tolerance, Index max_iterations);

/// A step x + length p that a method proposes; `length` is tried first.
struct Step {
  std::vector<double> p;
  double length = 1;
};

/// The loop that all methods but lbfgs share: a direction, a step along it, until the gradient norm has fallen by
/// `tolerance`. A direction that does not descend is replaced by minus the gradient. Equal on all ranks: every decision
/// follows from reduced numbers. Collective.
/// Armijo's rule with 1e-4 and halving (Armijo 1966). Where the loss cannot tell two points apart any more, because
/// they differ by its rounding, a step passes, no longer than the last one that was judged.
template <class T>
class Descent {
 public:
  /// A direction at the point where the model stands, given the gradient there; empty: there is none, for `why_not`.
  using Direction = std::function<std::optional<Step>(std::span<const double> gradient, std::string& why_not)>;

  Descent(const Communicator&, const SoftmaxReluSpec&, const DescentLimits&);
  void minimise(const SoftmaxReluProblem<T>&, const Direction&);

  /// For a method with a loop of its own: begin() moves to x0 and takes the gradient, note() records the gradient norm
  /// after a step and tells whether to stop, finish() ends.
  std::span<const double> begin(const SoftmaxReluProblem<T>&);
  bool note(double gradient_norm);
  void finish(const std::string& why_not_converged);

  Model<T>& model() { return model_; }
  SoftmaxReluCounts& counts() { return counts_; }
  const SoftmaxReluCounts& counts() const { return counts_; }
  const SoftmaxReluSolution<T>& solution() const { return solution_; }
  double reduction() const { return reduction_; }      ///< of the gradient norm so far
  double last_length() const { return last_length_; }  ///< of the last step that the loss could judge
  /// certified: the gradient norm fell as asked. The reason warns if the Hessian may be indefinite at the answer, or
  /// tells a kink from a failure.
  Promise promise() const { return promise_; }

 private:
  bool search(const Step&, std::span<const double> gradient, std::string& why_not);

  Model<T> model_;
  DescentLimits limits_;
  SoftmaxReluCounts counts_;
  SoftmaxReluSolution<T> solution_;
  Promise promise_;
  std::vector<double> reductions_;  // of the gradient norm, after each step; 1 at the start
  double start_norm_ = 0, start_loss_ = 0, reduction_ = 1, last_length_ = 1;
  bool on_kink_ = false;
};

/// The part of the schedule that belongs to begin(), gradients, trials and finish().
void add_descent(Schedule&, const ModelCost&, const SoftmaxReluCounts&);

double euclidean_norm(std::span<const double> v);

/// Of gradient norms relative to the first, one a step and 1 at the start: what SoftmaxReluCounts says of both; NaN
/// below one step, or two for the slope, or if the norm became 0.
double local_rate(std::span<const double> reductions);
double steps_a_digit(std::span<const double> reductions);

}  // namespace breakeven::regression
