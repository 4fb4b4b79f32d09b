#include "methods/regression/query_ledger.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/philox.hpp"

namespace breakeven::regression {
namespace {

// The two ways of counting draw from streams of their own, so that neither depends on what the other used up.
constexpr Stream known_stream{310}, unknown_stream{311};
constexpr double growth = 6.0 / 5.0;  // BBHT: any factor between 1 and 4/3 will do
constexpr Index items_a_search = Index{1} << 40;

/// Iterations of the next attempt if the number of marked items is unknown.
class GrowingRange {
 public:
  explicit GrowingRange(Index n) : most_(std::sqrt(static_cast<double>(n))) {}
  Index draw(const Philox& random, Index i, Index j) const {
    return random.below(static_cast<Index>(std::ceil(range_)), i, j);
  }
  void grow() { range_ = std::min(growth * range_, std::max(1.0, most_)); }

 private:
  double range_ = 1, most_;
};

}  // namespace

double search_angle(double n, double marked) {
  return std::asin(std::sqrt(std::clamp(marked / n, 0.0, 1.0)));
}

double success_probability(double n, double marked, Index iterations) {
  const double amplitude = std::sin(static_cast<double>(2 * iterations + 1) * search_angle(n, marked));
  return amplitude * amplitude;
}

Index optimal_iterations(double n, double marked) {
  return static_cast<Index>(std::floor(std::numbers::pi / (4 * search_angle(n, marked))));
}

SearchCost find_all(Index n, Index marked, MarkedCount count, Index draw, Index search, const Attempt& attempt) {
  const bool known = count == MarkedCount::known;
  const Philox random(static_cast<std::uint64_t>(draw), known ? known_stream : unknown_stream);
  SearchCost cost;
  for (Index left = marked; left > 0; --left) {
    const Index item = search * items_a_search + marked - left;
    GrowingRange range(n);
    for (Index tries = 0;; ++tries) {
      const Index iterations = known ? optimal_iterations(static_cast<double>(n), static_cast<double>(left))
                                     : range.draw(random, item, 2 * tries);
      cost.attempts += 1;
      cost.iterations += iterations;
      cost.queries += iterations + 1;
      if (attempt(iterations, left, random.uniform(item, 2 * tries + 1))) break;
      range.grow();
    }
  }
  if (!known) cost.queries += static_cast<Index>(std::ceil(3 * std::sqrt(static_cast<double>(n))));
  return cost;
}

Attempt two_plane_attempt(Index n) {
  return [n](Index iterations, Index left, double coin) {
    return coin < success_probability(static_cast<double>(n), static_cast<double>(left), iterations);
  };
}

void QueryLedger::read(Index rows) {
  counts_.queries_known += rows;
  counts_.queries_known_uncompute += rows;
  counts_.queries_bbht += rows;
  counts_.queries_bbht_uncompute += rows;
}

void QueryLedger::find_all(Index n, Index marked) {
  const Attempt attempt = two_plane_attempt(n);
  const Index search = searches_++;
  const Index known = regression::find_all(n, marked, MarkedCount::known, draw_, search, attempt).queries;
  const Index unknown = regression::find_all(n, marked, MarkedCount::unknown, draw_, search, attempt).queries;
  counts_.queries_known += known;
  counts_.queries_known_uncompute += 2 * known;
  counts_.queries_bbht += unknown;
  counts_.queries_bbht_uncompute += 2 * unknown;
  counts_.search_size += std::sqrt(static_cast<double>(n) * static_cast<double>(marked));
}

}  // namespace breakeven::regression
