#pragma once

#include <string>

#include "base/index.hpp"
#include "base/promise.hpp"
#include "numerics/exp_polynomial.hpp"

namespace breakeven::attention {

/// What the data say about scores and values; equal on all ranks.
struct DataRange {
  double score_radius = 0;  ///< scale max ||q_i|| max ||k_j - shift||: no score is larger
  double value_spread = 0;  ///< max over columns of (largest - smallest value), divided by max |V|
};

/// A polynomial and how far its attention can be from exact attention, relative to max |V| in the max norm.
/// If |p(s) - e^s| <= eps e^s for every score s, then each output is within eps / (1 - eps) max_j |v_j - o_i| per
/// component, and v_j - o_i is at most the spread of the values. Rounding in a type of unit roundoff u adds
///   4 u (sqrt(t) + sqrt(tile) + 2 g + 4) p_abs(R) e^R / (1 - eps)
/// to first order: numerator and denominator are sums of terms whose absolute values add up to p_abs(R) a key, while
/// p >= (1 - eps) e^-R; sums of k roundings grow like sqrt(k) (Higham and Mary 2019). Derived; see NOTES.md.
struct Certificate {
  ExpPolynomial polynomial;
  DataRange range;
  Index degree = 0;
  Index features = 0;
  double bound = 0;               ///< +infinity if nothing can be said
  bool tolerance_missed = false;  ///< a tolerance was asked for that no accepted degree reaches
};

Certificate certify(Coefficients, Index degree, Index features, const DataRange&, double unit_roundoff);

/// The smallest degree with at most `max_features` features in d dimensions whose bound is at most `tolerance`; if
/// there is none, the one with the smallest bound, with tolerance_missed set.
Certificate certify_tolerance(Coefficients, double tolerance, Index d, Index max_features, const DataRange&,
                              double unit_roundoff);

/// The certificate as a promise on `error_max`: certified if the bound is below 1, else none, with the score radius,
/// the largest one that this degree certifies and the degree that would do as the reason.
Promise to_promise(const Certificate&, Coefficients, double tolerance);

}  // namespace breakeven::attention
