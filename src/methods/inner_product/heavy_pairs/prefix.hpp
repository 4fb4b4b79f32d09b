#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/heavy_pairs/hit_list.hpp"
#include "methods/inner_product/heavy_pairs/pair_blocks.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"
#include "numerics/hamming_pairs.hpp"

namespace breakeven::inner_product {

struct PrefixParams {
  double recall = 0.99;
  Index prefix_bits = 0;
  std::string coordinates = "random";
  Index draw = 1;
  std::string partition = "grid";

  static constexpr auto fields() {
    using Params = PrefixParams;
    return std::tuple{
        Field{"recall", &Params::recall, "probability with which each heavy pair is to be found"},
        Field{"prefix-bits", &Params::prefix_bits, "coordinates compared first; 0: chosen from n, d, rho and recall"},
        Field{"coordinates", &Params::coordinates, "which those are: random, or first if all are alike", "",
              std::array<std::string_view, 6>{"random", "first"}},
        Field{"draw", &Params::draw, "number of the random choice of coordinates"}, partition_field<Params>()};
  }
};

struct PrefixCounts {
  Index gathered = 0;
  Index prefix_bits_used = 0;
  Index prefix_radius = 0;
  Index flagged = 0;
  double flagged_share = 0;
  double flagged_predicted = 0;

  static constexpr auto fields() {
    using Counts = PrefixCounts;
    return std::tuple{
        Field{"gathered", &Counts::gathered, "hits that the ranks handed over, double ones included"},
        Field{"prefix-bits-used", &Counts::prefix_bits_used, "coordinates compared first"},
        Field{"prefix-radius", &Counts::prefix_radius, "differences among them up to which a pair is looked at"},
        Field{"flagged", &Counts::flagged, "pairs looked at in full"},
        Field{"flagged-share", &Counts::flagged_share, "their share of all pairs"},
        Field{"flagged-predicted", &Counts::flagged_predicted, "that share for uniform data without planted pairs"}};
  }
};

/// How many coordinates are compared first, and which pairs are then looked at.
struct PrefixPlan {
  Index bits = 0, radius = 0;
  double flagged_share = 0;  ///< of uniform pairs
};

/// The plan that costs least by the model in prefix.cpp. Pure.
PrefixPlan plan_prefix(const HeavyPairsSpec&, const PrefixParams&);

/// Heavy pairs by comparing d' of the d coordinates of every pair, and those that are close there in full.
///   a, b: |................ d ................|   the same d' places of all rows, drawn at random, side by side:
///   a', b': |... d' ...|                           distance at most t there? then the full distance decides
/// d' places drawn without replacement from the at most radius() differences of a heavy pair hold a hypergeometric
/// number of them: t is its quantile, so that each heavy pair is found with probability at least `recall`, whatever the
/// data. With `coordinates` first that holds for data whose coordinates are exchangeable. What is reported is heavy.
/// Shapes and communication as popcount, and one all-reduce.
/// Collective. Cost per rank: (n n_b / P) (d' + f d) signs compared, f the share of pairs that pass.
/// Errors: CollectiveError if there are more than max-hits hits.
/// Source: derived; the filter is the oldest there is, the quantile replaces the usual normal approximation.
template <class T>
class Prefix {
 public:
  static constexpr std::string_view name = "prefix";
  using Params = PrefixParams;
  using Counts = PrefixCounts;

  static void validate(const HeavyPairsSpec&, const Params&);
  Prefix(const Communicator&, const HeavyPairsSpec&, const Params&);
  const HeavyPairsSolution& run(const HeavyPairsProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const HeavyPairsSpec&, const Params&);
  static Schedule schedule(const HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  /// The d' coordinates of some rows, kept until other rows are asked for.
  struct Shortened {
    Index first_row = -1;
    Array<Word> rows;
    BitView view;
  };
  BitView shortened(Shortened&, BitView rows, Index first_row) const;
  void compare(const PairBlock&);

  Communicator comm_;
  HeavyPairsSpec spec_;
  double recall_;
  PrefixPlan plan_;
  std::vector<Index> places_;  // of the coordinates compared first, ascending; empty: the first ones
  PairBlocks blocks_;
  HammingSearch search_;
  Shortened short_a_, short_b_;
  std::vector<BitPair> kept_;
  HitList hits_;
  PrefixCounts counts_;
  HeavyPairsSolution solution_;
};

}  // namespace breakeven::inner_product
