#include "numerics/exp_polynomial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "base/error.hpp"
#include "base/value.hpp"

namespace breakeven {
namespace {

// Extended precision where the platform has it: e^-s p(s) near s = -R is the difference of terms e^(2R) times larger.
using Real = long double;
using Reals = std::vector<Real>;
constexpr Real real_epsilon = std::numeric_limits<Real>::epsilon();
constexpr double infinity = std::numeric_limits<double>::infinity();

Real horner(const std::vector<double>& c, Real s) {
  Real value = 0;
  for (auto k = c.rbegin(); k != c.rend(); ++k) value = value * s + *k;
  return value;
}

/// Points cos(pi i / (count - 1)) from 1 down to -1.
Reals chebyshev_extrema(Index count) {
  Reals x(static_cast<std::size_t>(count), 0);
  for (Index i = 0; count > 1 && i < count; ++i)
    x[i] = std::cos(std::numbers::pi_v<Real> * static_cast<Real>(i) / static_cast<Real>(count - 1));
  return x;
}

/// I_k(R) / R^k = 2^-k sum_m (R/2)^(2m) / (m! (m+k)!): all terms positive, and no underflow at tiny R.
Real scaled_bessel(Index k, Real radius) {
  Real term = 1;
  for (Index i = 1; i <= k; ++i) term /= 2 * static_cast<Real>(i);
  Real sum = 0;
  for (Index m = 1; term > sum * real_epsilon / 4; ++m) {
    sum += term;
    term *= radius * radius / (4 * static_cast<Real>(m) * static_cast<Real>(m + k));
  }
  return sum;
}

/// Monomial coefficients of sum_k a_k R^k T_k(s/R), from the scaled a_k. T_k's own coefficients t_kj come from
/// T_k = 2 x T_{k-1} - T_{k-2}; the coefficient of s^j is sum_k a_k t_kj R^(k-j): no division by a tiny power of R.
std::vector<double> monomials_from_chebyshev(const Reals& scaled, Real radius) {
  const std::size_t n = scaled.size();
  Reals c(n, 0), before(n, 0), current(n, 0);
  current[0] = 1;
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t j = k % 2; j <= k; j += 2)
      c[j] += scaled[k] * current[j] * std::pow(radius, static_cast<Real>(k - j));
    Reals next(n, 0);
    for (std::size_t j = 0; j < n; ++j) next[j] = (j == 0 ? 0 : (k == 0 ? 1 : 2) * current[j - 1]) - before[j];
    before = current;
    current = next;
  }
  return {c.begin(), c.end()};
}

/// Smallest M with sum_{k > M} 2 I_k(R) <= tail: the degree at which the Chebyshev series of e^-s may be cut.
Index chebyshev_degree(Real radius, Real tail) {
  for (Index m = 0;; ++m) {
    // The tail is below twice its first term once the ratio R / (2k) of neighbours is below one half.
    const Index k = m + 1;
    if (static_cast<Real>(k) < radius) continue;
    if (4 * scaled_bessel(k, radius) * std::pow(radius, static_cast<Real>(k)) <= tail) return m;
  }
}

/// A true upper bound of |p(s) e^-s - 1| on [-R, R]. With e^-s replaced by its Chebyshev series cut at degree M (error
/// at most tail, tail max|p| = delta), r(s) = p(s) e^-s - 1 becomes a polynomial of degree m = degree + M, and a
/// polynomial of degree m is at most 1 / cos(pi m / (2 N)) times as large on [-1, 1] as at the N + 1 points
/// cos(pi i / N) (Ehlich and Zeller 1964). N = 32 m: the margin is 0.12 %, plus delta and rounding.
double relative_error_bound(const std::vector<double>& c, Real radius) {
  const Real largest = std::abs(horner(
      [&] {
        std::vector<double> magnitudes(c);
        for (double& value : magnitudes) value = std::abs(value);
        return magnitudes;
      }(),
      radius));
  // Of Horner, of exp and of the points themselves, which r' = (p' - p) e^-s carries over.
  const Real rounding = 4 * (static_cast<Real>(c.size()) + radius) * real_epsilon * largest * std::exp(radius);
  if (!(rounding < 1)) return infinity;
  const Real delta = rounding + real_epsilon;
  const Index m = static_cast<Index>(c.size()) - 1 + chebyshev_degree(radius, delta / std::max<Real>(largest, 1));
  const Index intervals = 32 * std::max<Index>(m, 1);
  Real worst = 0;
  for (const Real x : chebyshev_extrema(intervals + 1)) {
    const Real s = radius * x;
    const Real error = std::abs(horner(c, s) * std::exp(-s) - 1);
    if (!(error <= worst)) worst = error;  // keeps a NaN
  }
  const Real margin = 1 / std::cos(std::numbers::pi_v<Real> / 64);
  const double bound = static_cast<double>((worst + rounding + delta) * margin + delta) * (1 + 1e-15);
  return std::isfinite(bound) ? bound : infinity;
}

/// Taylor: r(s) = p(s) e^-s - 1 has r(0) = 0 and r'(s) = (p'(s) - p(s)) e^-s = -s^g / g! e^-s, so that
/// |r(s)| = int_0^|s| u^g / g! e^(-+u) du for s >< 0: largest at s = -R, where it is
/// int_0^R u^g / g! e^u du = sum_m R^(g+1+m) / (g! m! (g+1+m)), all terms positive. The stored 1/k! are rounded from
/// k = 3 on, which adds at most 2^-53 e^R sum_{k > 2} R^k / k!.
ExpPolynomial taylor(Index degree, double radius) {
  ExpPolynomial p{{1.0}, radius, 0};
  Real rounded = 0, power = 1, factorial = 1;
  for (Index k = 1; k <= degree; ++k) {
    factorial *= static_cast<Real>(k);
    power *= static_cast<Real>(radius);
    p.c.push_back(static_cast<double>(1 / factorial));
    if (k > 2) rounded += power / factorial;
  }
  const Real rounding = 0x1p-53L * rounded * std::exp(static_cast<Real>(radius));
  Real term = radius, sum = 0;  // R^(g+1+m) / (g! m!)
  for (Index k = 1; k <= degree; ++k) term *= static_cast<Real>(radius) / static_cast<Real>(k);
  for (Index m = 0; m == 0 || static_cast<Real>(m) < radius || term > sum * real_epsilon; ++m) {
    sum += term / static_cast<Real>(degree + 1 + m);
    term *= static_cast<Real>(radius) / static_cast<Real>(m + 1);
    if (!std::isfinite(term)) break;
  }
  p.relative_error = static_cast<double>(sum + rounding) * (1 + 1e-15);
  if (!std::isfinite(p.relative_error)) p.relative_error = infinity;
  return p;
}

ExpPolynomial chebyshev(Index degree, double radius) {
  Reals scaled;
  for (Index k = 0; k <= degree; ++k) scaled.push_back((k == 0 ? 1 : 2) * scaled_bessel(k, radius));
  ExpPolynomial p{monomials_from_chebyshev(scaled, radius), radius, 0};
  p.relative_error = relative_error_bound(p.c, radius);
  return p;
}

/// The polynomial through (x_i, y_i): prod_j 2 (x - x_j) sum_i w_i y_i / (2 (x - x_i)), w_i = prod_{j != i} 1 / (2 (x_i
/// - x_j)). Not the quotient form: its denominator cancels when the points crowd at one end, as those of a relative fit
/// do. The factors 2 are the capacity of [-1, 1], against overflow.
struct Interpolant {
  Reals x, y, w;

  Real operator()(Real at) const {
    Real product = 1, sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (at == x[i]) return y[i];
      product *= 2 * (at - x[i]);
      sum += w[i] * y[i] / (2 * (at - x[i]));
    }
    return product * sum;
  }
};

/// p with e^-s p(s) - 1 = +-E in turn at the degree + 2 reference points. The divided difference of a polynomial of
/// that degree over them vanishes: sum w_i e^{s_i} (1 - (-1)^i E) = 0, and the denominator of E has no cancellation. In
/// rounded arithmetic the sum is not quite zero; the point that feels this least, of the largest |w_i p(s_i)|, is left
/// out, so that p has the wanted degree exactly.
Interpolant levelled(const Reals& grid, const std::vector<std::size_t>& reference, Real radius) {
  Interpolant p;
  for (const std::size_t i : reference) p.x.push_back(grid[i]);
  const std::size_t n = p.x.size();
  Real numerator = 0, denominator = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Real weight = 1;
    for (std::size_t j = 0; j < n; ++j)
      if (j != i) weight /= 2 * (p.x[i] - p.x[j]);
    p.w.push_back(weight);
    numerator += weight * std::exp(radius * p.x[i]);
    denominator += (i % 2 ? -1 : 1) * weight * std::exp(radius * p.x[i]);
  }
  const Real level = numerator / denominator;
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < n; ++i) {
    p.y.push_back(std::exp(radius * p.x[i]) * (1 - (i % 2 ? -level : level)));
    if (std::abs(p.w[i] * p.y[i]) > std::abs(p.w[dropped] * p.y[dropped])) dropped = i;
  }
  for (std::size_t i = 0; i < n; ++i) p.w[i] *= 2 * (p.x[i] - p.x[dropped]);
  for (Reals* values : {&p.x, &p.y, &p.w}) values->erase(values->begin() + static_cast<std::ptrdiff_t>(dropped));
  return p;
}

/// One extremum of the error in each interval of constant sign, thinned to `count` alternating points without losing
/// the largest; fewer than `count` if the error is rounding noise.
std::vector<std::size_t> alternating_extrema(const Reals& error, std::size_t count) {
  std::vector<std::size_t> extrema;
  for (std::size_t i = 0; i < error.size(); ++i) {
    const bool same_sign = !extrema.empty() && (error[extrema.back()] > 0) == (error[i] > 0);
    if (!same_sign)
      extrema.push_back(i);
    else if (std::abs(error[i]) > std::abs(error[extrema.back()]))
      extrema.back() = i;
  }
  const auto size_at = [&](std::size_t position) { return std::abs(error[extrema[position]]); };
  while (extrema.size() > count + 1) {  // a neighbouring pair goes: the signs still alternate
    std::size_t smallest = 0;
    for (std::size_t i = 1; i + 1 < extrema.size(); ++i)
      if (std::max(size_at(i), size_at(i + 1)) < std::max(size_at(smallest), size_at(smallest + 1))) smallest = i;
    const auto first = extrema.begin() + static_cast<std::ptrdiff_t>(smallest);
    extrema.erase(first, first + 2);
  }
  if (extrema.size() == count + 1) extrema.erase(size_at(0) < size_at(count) ? extrema.begin() : extrema.end() - 1);
  return extrema;
}

/// Chebyshev coefficients divided by R^k, from values at the degree + 1 zeros of T_{degree+1}.
Reals scaled_chebyshev(const Interpolant& p, Index degree, Real radius) {
  const Index n = degree + 1;
  Reals scaled(static_cast<std::size_t>(n), 0);
  for (Index i = 0; i < n; ++i) {
    const Real theta = std::numbers::pi_v<Real> * (static_cast<Real>(i) + Real(0.5)) / static_cast<Real>(n);
    const Real value = p(std::cos(theta));
    for (Index k = 0; k < n; ++k)
      scaled[k] += value * std::cos(static_cast<Real>(k) * theta) * (k == 0 ? 1 : 2) / static_cast<Real>(n);
  }
  for (Index k = 0; k < n; ++k) scaled[k] /= std::pow(radius, static_cast<Real>(k));
  return scaled;
}

/// Remez on a fixed grid that holds 64 points between neighbouring reference points. Every exchange raises the level
/// until the largest error on the grid equals it.
ExpPolynomial remez(Index degree, double radius) {
  constexpr std::size_t points_between = 64;
  constexpr int max_exchanges = 50;
  const auto count = static_cast<std::size_t>(degree + 2);
  const Reals grid = chebyshev_extrema(static_cast<Index>(points_between * (count - 1) + 1));
  std::vector<std::size_t> reference;
  for (std::size_t i = 0; i < count; ++i) reference.push_back(i * points_between);
  Interpolant p = levelled(grid, reference, radius);
  for (int exchange = 0; exchange < max_exchanges; ++exchange) {
    Reals error;
    for (const Real x : grid) error.push_back(p(x) * std::exp(-radius * x) - 1);
    const std::vector<std::size_t> next = alternating_extrema(error, count);
    if (next == reference || next.size() < count) break;
    reference = next;
    p = levelled(grid, reference, radius);
  }
  ExpPolynomial result{monomials_from_chebyshev(scaled_chebyshev(p, degree, radius), radius), radius, infinity};
  const bool finite = std::all_of(result.c.begin(), result.c.end(), [](double c) { return std::isfinite(c); });
  if (finite) result.relative_error = relative_error_bound(result.c, radius);
  return result;
}

ExpPolynomial minimax(Index degree, double radius) {
  ExpPolynomial best = taylor(degree, radius);
  const auto improve = [&best](const ExpPolynomial& other) {
    if (other.relative_error < best.relative_error) best = other;
  };
  improve(chebyshev(degree, radius));
  constexpr double nothing_to_gain = 1e-15;  // the level of Remez would be below what its arithmetic resolves
  if (best.relative_error > nothing_to_gain) improve(remez(degree, radius));
  return best;
}

}  // namespace

Coefficients coefficients_from_text(std::string_view text) {
  if (text == "taylor") return Coefficients::taylor;
  if (text == "chebyshev") return Coefficients::chebyshev;
  if (text == "minimax") return Coefficients::minimax;
  throw BadRequest("coefficients must be taylor, chebyshev or minimax, got " + std::string(text));
}

double ExpPolynomial::operator()(double s) const {
  double value = 0;
  for (auto k = c.rbegin(); k != c.rend(); ++k) value = value * s + *k;
  return value;
}

double ExpPolynomial::absolute(double s) const {
  double value = 0;
  for (auto k = c.rbegin(); k != c.rend(); ++k) value = value * std::abs(s) + std::abs(*k);
  return value;
}

ExpPolynomial exp_polynomial(Coefficients coefficients, Index degree, double radius) {
  if (degree < 0) throw BadRequest("degree must be at least 0, got " + std::to_string(degree));
  if (!(radius >= 0)) throw BadRequest("score radius must be at least 0, got " + std::to_string(radius));
  // Beyond this e^(2R) swallows every digit of the extended type: only Taylor's error is still known.
  constexpr double largest_fitted_radius = 22;
  if (coefficients == Coefficients::taylor || radius == 0 || radius > largest_fitted_radius) {
    ExpPolynomial p = taylor(degree, std::min(radius, 1e4));
    p.radius = radius;
    if (radius > 1e4 || (coefficients != Coefficients::taylor && radius > 0)) p.relative_error = infinity;
    return p;
  }
  return coefficients == Coefficients::chebyshev ? chebyshev(degree, radius) : minimax(degree, radius);
}

Index smallest_degree(Coefficients coefficients, double radius, double eps, Index max_degree) {
  for (Index degree = 0; degree <= max_degree; ++degree)
    if (exp_polynomial(coefficients, degree, radius).relative_error <= eps) return degree;
  return unknown_index;
}

}  // namespace breakeven
