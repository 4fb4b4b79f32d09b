#include "base/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <vector>

#include "base/error.hpp"

namespace breakeven {
namespace {

std::vector<double> sorted(std::span<const double> samples) {
  std::vector<double> order(samples.begin(), samples.end());
  std::sort(order.begin(), order.end());
  return order;
}

double middle(const std::vector<double>& order) {
  const std::size_t half = order.size() / 2;
  return order.size() % 2 == 1 ? order[half] : 0.5 * (order[half - 1] + order[half]);
}

}  // namespace

double median(std::span<const double> samples) {
  if (samples.empty()) throw Failure("median of no samples");
  return middle(sorted(samples));
}

MedianInterval median_interval(std::span<const double> samples, double confidence) {
  if (samples.empty()) throw Failure("median of no samples");
  const std::vector<double> order = sorted(samples);
  const auto n = static_cast<double>(order.size());
  const boost::math::binomial_distribution<double> below_median(n, 0.5);
  // The interval from the (k+1)-th smallest to the (k+1)-th largest misses the median with probability 2 P(X <= k).
  std::size_t k = 0;
  double coverage = 1 - 2 * std::pow(0.5, n);
  while (2 * (k + 2) <= order.size() && 1 - 2 * cdf(below_median, static_cast<double>(k + 1)) >= confidence) {
    ++k;
    coverage = 1 - 2 * cdf(below_median, static_cast<double>(k));
  }
  return {middle(order), order[k], order[order.size() - 1 - k], coverage};
}

}  // namespace breakeven
