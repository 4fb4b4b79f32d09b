#include "methods/regression/whitened_error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "numerics/small_dense.hpp"

namespace breakeven::regression {

double whitened_error(const Array<double>& s, const Array<double>& r) {
  Array<double> whitened = s;
  solve_upper_from_right(r, whitened.data(), whitened.rows());
  if (!std::all_of(whitened.span().begin(), whitened.span().end(), [](double entry) { return std::isfinite(entry); }))
    return std::numeric_limits<double>::infinity();
  const std::vector<double> values = singular_values(whitened);
  return std::max(values.front() * values.front() - 1, 1 - values.back() * values.back());
}

}  // namespace breakeven::regression
