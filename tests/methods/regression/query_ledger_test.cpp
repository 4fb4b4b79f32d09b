#include "methods/regression/query_ledger.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

// The simulated searches against closed forms and against the law sqrt(n k).
namespace breakeven::regression {
namespace {

/// Queries of one kind of search, averaged over draws; relative to sqrt(n k).
struct Average {
  double queries = 0, finds = 0, attempts_an_item = 0;  // finds: without the last check
};

Average average(Index n, Index marked, MarkedCount count, Index draws) {
  const double last_check = count == MarkedCount::unknown ? std::ceil(3 * std::sqrt(static_cast<double>(n))) : 0;
  const double size = std::sqrt(static_cast<double>(n) * static_cast<double>(marked)) * static_cast<double>(draws);
  Average result;
  for (Index draw = 1; draw <= draws; ++draw) {
    const SearchCost cost = find_all(n, marked, count, draw, 0, two_plane_attempt(n));
    result.queries += static_cast<double>(cost.queries) / size;
    result.finds += (static_cast<double>(cost.queries) - last_check) / size;
    result.attempts_an_item += static_cast<double>(cost.attempts) / static_cast<double>(marked * draws);
  }
  return result;
}

/// Slope of the least-squares line through (x, y).
double slope(const std::vector<double>& x, const std::vector<double>& y) {
  const double count = static_cast<double>(x.size());
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
  return (count * sxy - sx * sy) / (count * sxx - sx * sx);
}

TEST(QueryLedger, OptimalIterationsBringTheStateWithinOneAngleOfTheMarkedItems) {
  for (const double n : {4.0, 100.0, 65536.0, 0x1p40})
    for (const double marked : {1.0, 2.5, 4.0}) {
      const Index iterations = optimal_iterations(n, marked);
      EXPECT_GE(success_probability(n, marked, iterations), 1 - marked / n - 1e-15) << n << " " << marked;
      const double angle = static_cast<double>(2 * iterations + 1) * search_angle(n, marked);
      EXPECT_LE(std::abs(angle - std::numbers::pi / 2), search_angle(n, marked) * (1 + 1e-12)) << n << " " << marked;
    }
  EXPECT_DOUBLE_EQ(success_probability(4, 1, 1), 1);  // sin^2(3 pi / 6): Grover's one query for one of four
  EXPECT_DOUBLE_EQ(success_probability(100, 100, 0), 1);
}

TEST(QueryLedger, KnownCountAddsWhatTheClosedFormSaysAndItsFailures) {
  for (const Index n : {Index{256}, Index{4096}, Index{1} << 20})
    for (const Index marked : {Index{1}, Index{4}, Index{16}}) {
      double closed = 0, failures = 0;
      for (Index left = marked; left > 0; --left) {
        const auto all = static_cast<double>(n), some = static_cast<double>(left);
        closed += static_cast<double>(optimal_iterations(all, some) + 1);
        failures += 1 - success_probability(all, some, optimal_iterations(all, some));
      }
      constexpr Index draws = 50;
      const double drawn = average(n, marked, MarkedCount::known, draws).queries *
                           std::sqrt(static_cast<double>(n) * static_cast<double>(marked));
      EXPECT_GE(drawn, closed * (1 - 1e-12));
      // A failure repeats one item's attempt, at most the dearest one; their number is a sum of rare events, mean
      // `failures` a draw, and five of its standard deviations and one event are allowed.
      const double events = failures + (5 * std::sqrt(failures * draws) + 1) / draws;
      const double dearest = static_cast<double>(optimal_iterations(static_cast<double>(n), 1) + 1);
      EXPECT_LE(drawn, closed + events * dearest) << "n " << n << " marked " << marked;
    }
}

TEST(QueryLedger, QueriesAreOfTheOrderOfTheRootOfItemsTimesMarked) {
  // From 1/16 marked down to one in 2^18: the constants, and that they do not drift with n.
  for (const int log_n : {8, 10, 12, 16, 20, 24})
    for (const Index marked : {Index{1}, Index{4}, Index{16}, Index{64}, Index{1024}}) {
      const Index n = Index{1} << log_n;
      if (16 * marked > n) continue;
      const Index draws = marked < 100 ? 40 : 4;
      const Average known = average(n, marked, MarkedCount::known, draws);
      EXPECT_GE(known.queries, 0.75) << "2^" << log_n << " " << marked;
      EXPECT_LE(known.queries, 1.75) << "2^" << log_n << " " << marked;
      if (marked < 4) continue;
      const Average unknown = average(n, marked, MarkedCount::unknown, draws);
      EXPECT_GE(unknown.finds, 1.2) << "2^" << log_n << " " << marked;
      EXPECT_LE(unknown.finds, 3.6) << "2^" << log_n << " " << marked;
      EXPECT_NEAR(unknown.queries - unknown.finds, 3 / std::sqrt(static_cast<double>(marked)), 0.1);
    }
}

TEST(QueryLedger, QueriesGrowWithTheRootOfItemsOverTenDoublings) {
  for (const MarkedCount count : {MarkedCount::known, MarkedCount::unknown}) {
    std::vector<double> x, y;
    for (int log_n = 12; log_n <= 22; ++log_n) {
      const Index n = Index{1} << log_n;
      const double size = std::sqrt(static_cast<double>(n) * 64);
      x.push_back(log_n);
      y.push_back(std::log2(average(n, 64, count, 20).queries * size));
    }
    EXPECT_NEAR(slope(x, y), 0.5, 0.03);
  }
}

TEST(QueryLedger, EveryItemMarkedOrNoneIsNoSpecialCase) {
  const auto attempt = two_plane_attempt(9);
  EXPECT_EQ(find_all(9, 0, MarkedCount::known, 1, 0, attempt).queries, 0);
  EXPECT_EQ(find_all(9, 0, MarkedCount::unknown, 1, 0, attempt).queries, 9);  // the last check, 3 sqrt(9)
  EXPECT_GE(find_all(9, 9, MarkedCount::known, 1, 0, attempt).attempts, 9);
  EXPECT_EQ(find_all(1, 1, MarkedCount::known, 1, 0, two_plane_attempt(1)).queries, 1);
}

TEST(QueryLedger, AddsSearchesUpAndDoublesWhatMustBeUncomputed) {
  QueryLedger ledger(7);
  ledger.read(100);
  ledger.find_all(4096, 16);
  ledger.find_all(4096, 16);
  const QueryCounts& counts = ledger.counts();
  Index known = 0, unknown = 0;
  for (const Index search : {0, 1}) {
    known += find_all(4096, 16, MarkedCount::known, 7, search, two_plane_attempt(4096)).queries;
    unknown += find_all(4096, 16, MarkedCount::unknown, 7, search, two_plane_attempt(4096)).queries;
  }
  EXPECT_EQ(counts.queries_known, 100 + known);
  EXPECT_EQ(counts.queries_known_uncompute, 100 + 2 * known);  // rows read outright leave nothing to undo
  EXPECT_EQ(counts.queries_bbht, 100 + unknown);
  EXPECT_EQ(counts.queries_bbht_uncompute, 100 + 2 * unknown);
  EXPECT_DOUBLE_EQ(counts.search_size, 512);
  const auto one_search = find_all(4096, 16, MarkedCount::unknown, 7, 0, two_plane_attempt(4096)).queries;
  EXPECT_NE(unknown, 2 * one_search) << "the two searches draw their own numbers";
}

}  // namespace
}  // namespace breakeven::regression
