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

struct PopcountParams {
  bool early_exit = true;
  std::string partition = "grid";

  static constexpr auto fields() {
    return std::tuple{Field{"early-exit", &PopcountParams::early_exit,
                            "leave a tile of pairs once none of it can be heavy any more: the same pairs, sooner"},
                      partition_field<PopcountParams>()};
  }
};

struct PopcountCounts {
  Index gathered = 0;
  Index signs_compared = 0;

  static constexpr auto fields() {
    using Counts = PopcountCounts;
    return std::tuple{Field{"gathered", &Counts::gathered, "hits that the ranks handed over, double ones included"},
                      Field{"signs-compared", &Counts::signs_compared,
                            "pairs of signs compared, all ranks: d for every pair of rows but those left early"}};
  }
};

/// All heavy pairs by comparing every row of A with every row of B: exclusive or, count the bits. The exact baseline.
/// Shapes: rows of A and B in contiguous blocks; who compares what: pair_blocks.hpp. All hits on every rank.
/// Collective. Cost per rank: n n_b d / P signs compared (half with `self`), communication of PairBlocks and HitList.
/// With `early-exit` about (1 - rho) d and a few words more of the d signs where rows are far apart; where they are
/// alike, as many as without. What it was is counted, tile by tile, and is the cost that the schedule declares.
/// Errors: CollectiveError if there are more than max-hits hits.
/// Source: definition; blocks by numerics/hamming_pairs.hpp.
template <class T>
class Popcount {
 public:
  static constexpr std::string_view name = "popcount";
  using Params = PopcountParams;
  using Counts = PopcountCounts;

  static void validate(const HeavyPairsSpec&, const Params&) {}
  Popcount(const Communicator&, const HeavyPairsSpec&, const Params&);
  const HeavyPairsSolution& run(const HeavyPairsProblem<T>&);
  Counts counts() const { return {hits_.gathered(), hits_.counted()}; }
  static Counts expected(const HeavyPairsSpec&, const Params&);
  static Schedule schedule(const HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  /// Nothing is missed.
  Promise promise() const { return {Promise::Kind::certified, "error", 0, ""}; }

 private:
  void compare(const PairBlock&);

  Communicator comm_;
  HeavyPairsSpec spec_;
  PairBlocks blocks_;
  std::vector<HammingStage> stages_;
  HammingSearch search_;
  HitList hits_;
  HeavyPairsSolution solution_;
};

}  // namespace breakeven::inner_product
