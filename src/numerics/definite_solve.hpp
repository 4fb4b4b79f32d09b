#pragma once

#include <span>
#include <vector>

#include "base/array.hpp"

namespace breakeven {

/// A solution of H p = g for a symmetric H that ought to be positive definite.
struct DefiniteSolution {
  std::vector<double> x;
  bool modified = false;  ///< H was not positive definite and |H| was solved with instead
};

/// By Cholesky; if a pivot is not positive, with the eigenvalues of H replaced by their absolute values, at least
/// `floor` times the largest of them: then -x is still a direction of descent for the gradient g.
/// h: d x d, g: d. Local. Cost: d^3 / 3 flops, or about 9 d^3 if modified. Errors: none; entries must be finite.
DefiniteSolution solve_definite(const Array<double>& h, std::span<const double> g, double floor = 1e-8);

}  // namespace breakeven
