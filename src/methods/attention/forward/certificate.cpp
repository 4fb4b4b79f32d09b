#include "methods/attention/forward/certificate.hpp"

#include <cmath>
#include <limits>

#include "base/value.hpp"
#include "numerics/monomials.hpp"

namespace breakeven::attention {
namespace {

constexpr double tile_tokens = 512;   // longest sum that FeatureKernel forms in the scalar type
constexpr Index highest_degree = 40;  // beyond, coefficients 1/k! no longer matter in float64 at any useful radius
constexpr double vacuous = 1;         // |V| bounds every answer: an error of max |V| says nothing

std::string text(double number) {
  return to_text(Value(std::round(number * 1e4) / 1e4));
}

/// Whether this degree says anything at that radius, rounding aside.
bool certifies(Coefficients coefficients, Index degree, double radius, double value_spread) {
  return certify(coefficients, degree, 1, {radius, value_spread}, 0).bound < vacuous;
}

/// By bisection: the error grows with the radius.
double largest_certified_radius(Coefficients coefficients, Index degree, double value_spread) {
  double low = 0, high = 64;
  for (int step = 0; step < 24; ++step) {
    const double middle = 0.5 * (low + high);
    (certifies(coefficients, degree, middle, value_spread) ? low : high) = middle;
  }
  return low;
}

}  // namespace

Certificate certify(Coefficients coefficients, Index degree, Index features, const DataRange& range,
                    double unit_roundoff) {
  Certificate certificate{exp_polynomial(coefficients, degree, range.score_radius), range, degree, features,
                          std::numeric_limits<double>::infinity()};
  const double eps = certificate.polynomial.relative_error;
  if (!(eps < 1)) return certificate;
  const double truncation = eps / (1 - eps) * range.value_spread;
  const double amplification =
      certificate.polynomial.absolute(range.score_radius) * std::exp(range.score_radius) / (1 - eps);
  const double roundings =
      std::sqrt(static_cast<double>(features)) + std::sqrt(tile_tokens) + 2 * static_cast<double>(degree) + 4;
  certificate.bound = truncation + 4 * unit_roundoff * roundings * amplification;
  return certificate;
}

Certificate certify_tolerance(Coefficients coefficients, double tolerance, Index d, Index max_features,
                              const DataRange& range, double unit_roundoff) {
  Certificate best;
  best.bound = std::numeric_limits<double>::infinity();
  for (Index degree = 0; degree <= highest_degree; ++degree) {
    const auto features = monomial_count(d, degree);
    if (!features || *features > max_features) break;
    Certificate candidate = certify(coefficients, degree, *features, range, unit_roundoff);
    if (candidate.bound <= tolerance) return candidate;
    if (degree == 0 || candidate.bound < best.bound) best = std::move(candidate);
  }
  best.tolerance_missed = true;
  return best;
}

Promise to_promise(const Certificate& certificate, Coefficients coefficients, double tolerance) {
  Promise promise{Promise::Kind::certified, "error_max", certificate.bound, ""};
  if (!certificate.tolerance_missed && certificate.bound < vacuous) return promise;
  promise.kind = Promise::Kind::none;
  const double radius = certificate.range.score_radius;
  if (certificate.tolerance_missed) {
    promise.reason = "no degree within max-features certifies tolerance " + to_text(Value(tolerance)) +
                     " at score radius " + text(radius) + "; degree " + std::to_string(certificate.degree) + " is used";
    return promise;
  }
  const double spread = certificate.range.value_spread;
  promise.reason = "score radius " + text(radius) + " is not certified at degree " +
                   std::to_string(certificate.degree) + " (up to " +
                   text(largest_certified_radius(coefficients, certificate.degree, spread)) + ")";
  Index enough = certificate.degree + 1;
  while (enough <= highest_degree && !certifies(coefficients, enough, radius, spread)) ++enough;
  if (enough <= highest_degree) promise.reason += "; degree " + std::to_string(enough) + " would do";
  return promise;
}

}  // namespace breakeven::attention
