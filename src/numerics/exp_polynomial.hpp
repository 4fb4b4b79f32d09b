#pragma once

#include <string_view>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// How the coefficients of a polynomial p that stands for e^s on [-R, R] are chosen.
enum class Coefficients {
  taylor,     ///< sum s^k / k!
  chebyshev,  ///< truncated Chebyshev series: c_0 = I_0(R), c_k = 2 I_k(R) of T_k(s / R)
  minimax,    ///< e^-s p(s) equioscillates around 1: smallest possible relative error, p > 0 wherever that is below 1
};

/// Throws BadRequest that names the word and the choices.
Coefficients coefficients_from_text(std::string_view text);

/// p(s) = sum c_k s^k.
struct ExpPolynomial {
  std::vector<double> c;
  double radius = 0;
  /// Upper bound of max |p(s) e^-s - 1| over [-radius, radius] for the stored coefficients and exact arithmetic;
  /// +infinity if none can be vouched for. Below 1 it proves p > 0. Evaluating p(s) in a type of unit roundoff u adds
  /// at most about 2 degree u absolute(s) to |p(s) - e^s|.
  double relative_error = 0;

  double operator()(double s) const;
  /// sum |c_k| |s|^k: what rounding errors of p(s) are proportional to.
  double absolute(double s) const;
};

/// The polynomial of that degree >= 0 on [-radius, radius], radius >= 0 and finite. Cost: well below a second at
/// degree 30. Minimax is never worse than the other two: where rounding leaves nothing to gain it is one of them.
/// Source: minimax: Remez (1934), multiple exchange on a fixed grid; Taylor's error, and the error bound from
/// Ehlich and Zeller (1964), are derived in the .cpp.
ExpPolynomial exp_polynomial(Coefficients coefficients, Index degree, double radius);

/// Smallest degree <= max_degree whose relative_error is at most eps, or unknown_index.
Index smallest_degree(Coefficients coefficients, double radius, double eps, Index max_degree);

}  // namespace breakeven
