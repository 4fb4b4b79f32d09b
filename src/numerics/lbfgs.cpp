#include "numerics/lbfgs.hpp"

#include <lbfgs.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/error.hpp"

namespace breakeven {
namespace {

struct Callbacks {
  const std::function<double(std::span<const double>, std::span<double>)>& evaluate;
  const std::function<bool(double)>& progress;
  std::size_t size;  // without the library's padding
  LbfgsOutcome outcome;
};

// The library's vectors are padded to a multiple of 16 for its SSE2 code; the padding stays 0 with gradient 0.
lbfgsfloatval_t evaluate(void* instance, const lbfgsfloatval_t* x, lbfgsfloatval_t* g, const int n,
                         const lbfgsfloatval_t) {
  auto& calls = *static_cast<Callbacks*>(instance);
  std::fill(g + calls.size, g + n, 0.0);
  ++calls.outcome.evaluations;
  return calls.evaluate({x, calls.size}, {g, calls.size});
}

int progress(void* instance, const lbfgsfloatval_t*, const lbfgsfloatval_t*, const lbfgsfloatval_t,
             const lbfgsfloatval_t, const lbfgsfloatval_t gradient_norm, const lbfgsfloatval_t, int, int k, int) {
  auto& calls = *static_cast<Callbacks*>(instance);
  calls.outcome.iterations = k;
  return calls.progress(gradient_norm) ? LBFGS_STOP : 0;
}

std::string message_of(int code) {
  switch (code) {
    case LBFGS_SUCCESS:
    case LBFGS_ALREADY_MINIMIZED:
      return "converged";
    case LBFGSERR_ROUNDING_ERROR:
      return "rounding errors leave no step of sufficient decrease";
    case LBFGSERR_MAXIMUMLINESEARCH:
      return "the line search reached its largest number of trials";
    case LBFGSERR_MINIMUMSTEP:
      return "the step became too small";
    case LBFGSERR_MAXIMUMSTEP:
      return "the step became too large";
    case LBFGSERR_WIDTHTOOSMALL:
      return "the interval of the line search became too small";
    case LBFGSERR_MAXIMUMITERATION:
      return "the largest number of iterations was reached";
    case LBFGSERR_INCREASEGRADIENT:
      return "the search direction does not descend";
    default:
      return "libLBFGS ended with code " + std::to_string(code);
  }
}

}  // namespace

LbfgsOutcome minimise_lbfgs(std::span<double> x, const LbfgsOptions& options,
                            const std::function<double(std::span<const double>, std::span<double>)>& evaluate_at,
                            const std::function<bool(double)>& after_iteration) {
  constexpr std::size_t multiple = 16;
  const std::size_t padded = (x.size() + multiple - 1) / multiple * multiple;
  lbfgs_parameter_t parameters;
  lbfgs_parameter_init(&parameters);
  parameters.m = static_cast<int>(options.memory);
  parameters.max_iterations = static_cast<int>(options.max_iterations);
  parameters.epsilon = std::numeric_limits<double>::min();  // the caller's test decides, not the library's
  const std::unique_ptr<lbfgsfloatval_t, void (*)(lbfgsfloatval_t*)> variables(lbfgs_malloc(static_cast<int>(padded)),
                                                                               lbfgs_free);
  if (!variables) throw Failure("libLBFGS could not allocate " + std::to_string(padded) + " variables");
  std::copy(x.begin(), x.end(), variables.get());
  std::fill(variables.get() + x.size(), variables.get() + padded, 0.0);

  Callbacks calls{evaluate_at, after_iteration, x.size(), {}};
  const int code = lbfgs(static_cast<int>(padded), variables.get(), nullptr, evaluate, progress, &calls, &parameters);
  calls.outcome.stopped = code == LBFGS_STOP;
  calls.outcome.message = message_of(code);
  std::copy_n(variables.get(), x.size(), x.begin());
  return calls.outcome;
}

}  // namespace breakeven
