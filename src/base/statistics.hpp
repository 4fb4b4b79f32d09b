#pragma once

#include <span>

#include "base/index.hpp"

namespace breakeven {

/// A median with a distribution-free interval.
struct MedianInterval {
  double median = 0;
  double low = 0;
  double high = 0;
  double confidence =
      0;  ///< true coverage of [low, high]: at least the one asked for, unless there are too few samples
};

/// Interval between two order statistics that covers the population's median with at least `confidence`
/// (binomial distribution, no assumption on the samples but independence). Below 6 samples no pair reaches 95 %:
/// the interval is then [min, max] and its true coverage 1 - 2^(1-n) is returned. Needs at least one sample.
/// Source: Hollander and Wolfe, Nonparametric Statistical Methods, section 3.6.
MedianInterval median_interval(std::span<const double> samples, double confidence = 0.95);

double median(std::span<const double> samples);

}  // namespace breakeven
