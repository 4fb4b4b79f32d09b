#pragma once

#include <functional>
#include <tuple>

#include "base/fields.hpp"
#include "base/index.hpp"

// Counting the queries of a quantum search, by simulating what its measurements would draw. Local and pure: the same
// draw gives the same queries on every rank. A query is one evaluation of "is item i marked?" in superposition, here of
// one row's score. Queries are no time: nothing in breakeven converts them to seconds.
namespace breakeven::regression {

/// What a search for all marked items knows of their number.
enum class MarkedCount {
  known,    ///< each attempt makes the optimal number of iterations (Grover 1996; Boyer et al. 1998, section 3)
  unknown,  ///< iterations are guessed from a growing range (Boyer, Brassard, Hoyer, Tapp 1998, section 6: BBHT)
};

/// theta with sin^2(theta) = marked / n: the state starts theta away from the plane of unmarked items and every
/// iteration turns it by 2 theta. `marked` may be a sum of probabilities. 0 <= marked <= n, n > 0.
double search_angle(double n, double marked);
/// sin^2((2 iterations + 1) theta): the probability that a measurement shows a marked item.
double success_probability(double n, double marked, Index iterations);
/// floor(pi / (4 theta)), after which the success probability is at least 1 - marked / n. Needs marked > 0.
Index optimal_iterations(double n, double marked);

/// What one search for all marked items took.
struct SearchCost {
  Index attempts = 0;    ///< measurements
  Index iterations = 0;  ///< of amplification, all attempts together
  Index queries = 0;     ///< iterations, one more to verify each measured item, and the last check
};

/// One attempt: amplifies `iterations` times while `left` items are marked and measures with `coin`, uniform in [0, 1).
/// True if a marked item was seen; it is then no longer marked.
using Attempt = std::function<bool(Index iterations, Index left, double coin)>;

/// Finds all `marked` of `n` items, one after the other, each with attempts until one succeeds. Random numbers depend
/// on (draw, search, item found, attempt) alone. With MarkedCount::unknown the search for each item begins with the
/// range {0}, which grows by 6/5 with every failure up to sqrt(n), and ceil(3 sqrt(n)) queries are added for the last
/// search, the one that finds nothing; it is charged, not simulated.
/// Cost: O(marked) attempts if known, O(marked log n) if unknown. Needs 0 <= marked <= n.
SearchCost find_all(Index n, Index marked, MarkedCount count, Index draw, Index search, const Attempt& attempt);

/// The attempt of the two-plane process: succeeds if coin < success_probability. Exact for marked sets, O(1).
Attempt two_plane_attempt(Index n);

/// Query counters as methods report them; their Counts inherit these and append fields().
struct QueryCounts {
  Index queries_known = 0;
  Index queries_known_uncompute = 0;
  Index queries_bbht = 0;
  Index queries_bbht_uncompute = 0;
  double search_size = 0;

  static constexpr auto fields() {
    using Counts = QueryCounts;
    return std::tuple{
        Field{"queries-known", &Counts::queries_known,
              "queries drawn by the simulated searches if they know how many items are marked"},
        Field{"queries-known-uncompute", &Counts::queries_known_uncompute,
              "the same, every query in superposition computed and uncomputed"},
        Field{"queries-bbht", &Counts::queries_bbht,
              "queries drawn by the simulated searches if they do not know how many items are marked"},
        Field{"queries-bbht-uncompute", &Counts::queries_bbht_uncompute,
              "the same, every query in superposition computed and uncomputed"},
        Field{"search-size", &Counts::search_size, "sum of sqrt(n_s k_s), a search s finding k_s among n_s rows"}};
  }
};

/// Adds up what a quantum algorithm of several searches would query.
class QueryLedger {
 public:
  explicit QueryLedger(Index draw) : draw_(draw) {}

  /// `rows` read outright: one query each, nothing to uncompute.
  void read(Index rows);
  /// One search for all `marked` of `n`, simulated with the count known and with it unknown.
  void find_all(Index n, Index marked);

  const QueryCounts& counts() const { return counts_; }

 private:
  Index draw_;
  Index searches_ = 0;
  QueryCounts counts_;
};

}  // namespace breakeven::regression
