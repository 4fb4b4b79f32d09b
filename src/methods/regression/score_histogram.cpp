#include "methods/regression/score_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace breakeven::regression {
namespace {

// Scores of a well chosen sample are at most a small constant and 2^-44 of n d is less than one row for any n that fits
// a machine: what lies outside is put in the first or the last bin, whose inner edge is exact.
constexpr int lowest_exponent = -44, highest_exponent = 4;
constexpr Index parts = 8;  // of a factor 2
constexpr Index n_bins = (highest_exponent - lowest_exponent) * parts;

double lower_edge(Index bin) {
  const double mantissa = 1 + static_cast<double>(bin % parts) / static_cast<double>(parts);
  return std::ldexp(mantissa, lowest_exponent + static_cast<int>(bin / parts));
}

Index bin_of(double score) {
  if (!(score < std::ldexp(1.0, highest_exponent))) return n_bins - 1;
  int exponent = 0;
  const double mantissa = 2 * std::frexp(score, &exponent);  // score = mantissa 2^(exponent - 1), 1 <= mantissa < 2
  const auto part = static_cast<Index>((mantissa - 1) * static_cast<double>(parts));
  return std::max<Index>(0, (exponent - 1 - lowest_exponent) * parts + part);
}

}  // namespace

ScoreHistogram::ScoreHistogram() : bins_(static_cast<std::size_t>(2 * n_bins), 0.0) {}

void ScoreHistogram::clear() {
  std::fill(bins_.begin(), bins_.end(), 0.0);
}

void ScoreHistogram::add(std::span<const double> scores) {
  for (const double score : scores) {
    if (!(score > 0)) continue;
    const Index bin = bin_of(score);
    bins_[static_cast<std::size_t>(bin)] += 1;
    bins_[static_cast<std::size_t>(n_bins + bin)] += std::min(score, std::ldexp(1.0, highest_exponent));
  }
}

void ScoreHistogram::reduce(const Communicator& comm) {
  comm.all_reduce(std::span<double>(bins_));
}

double ScoreHistogram::scale_for(double rows) const {
  double sum_below = 0;
  for (Index bin = 0; bin < n_bins; ++bin) sum_below += bins_[static_cast<std::size_t>(n_bins + bin)];
  double count_above = 0;
  for (Index bin = n_bins - 1; bin >= 0; --bin) {
    // Every score from this bin on clipped to 1, the ones below scaled by 1 / edge: is that enough?
    const double count = bins_[static_cast<std::size_t>(bin)], sum = bins_[static_cast<std::size_t>(n_bins + bin)];
    if (count_above + count + (sum_below - sum) / lower_edge(bin) >= rows)
      return sum_below > 0 ? std::max(0.0, rows - count_above) / sum_below : std::numeric_limits<double>::infinity();
    count_above += count;
    sum_below = std::max(0.0, sum_below - sum);
  }
  return std::numeric_limits<double>::infinity();
}

Index ScoreHistogram::bytes() {
  return 2 * n_bins * static_cast<Index>(sizeof(double));
}

}  // namespace breakeven::regression
