#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/index.hpp"

namespace breakeven {

struct LbfgsOptions {
  Index memory = 10;  ///< pairs of steps and gradient differences kept
  Index max_iterations = 1000;
};

struct LbfgsOutcome {
  Index iterations = 0;
  Index evaluations = 0;
  bool stopped = false;  ///< by `progress`
  std::string message;   ///< why the library ended otherwise
};

/// Minimises a function by limited-memory BFGS with the line search of More and Thuente, from x, in place.
/// `evaluate(x, gradient)` returns the function's value and writes its gradient; `progress(gradient_norm)` is called
/// after each iteration and returns whether to stop. Both run on the calling thread, in an order that depends on the
/// values returned alone: ranks whose callbacks return equal values make equal calls, so callbacks may communicate.
/// They must not throw. Local beside that. Source: Liu and Nocedal (1989), as implemented by libLBFGS (Okazaki).
LbfgsOutcome minimise_lbfgs(
    std::span<double> x, const LbfgsOptions&,
    const std::function<double(std::span<const double> x, std::span<double> gradient)>& evaluate,
    const std::function<bool(double gradient_norm)>& progress);

}  // namespace breakeven
