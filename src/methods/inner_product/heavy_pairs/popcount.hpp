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

/// All heavy pairs by comparing every row of A with every row of B: exclusive or, count the bits. The exact baseline.
/// Shapes: rows of A and B in contiguous blocks; who compares what: pair_blocks.hpp. All hits on every rank.
/// Collective. Cost per rank: n n_b d / P signs compared (half with `self`), communication of PairBlocks and HitList.
/// With `early-exit` about (1 - rho) d and a few words more of the d signs where rows are far apart; where they are
/// alike, as many as without.
/// Errors: CollectiveError if there are more than max-hits hits.
/// Source: definition; blocks by numerics/hamming_pairs.hpp.
template <class T>
class Popcount {
 public:
  static constexpr std::string_view name = "popcount";
  using Params = PopcountParams;
  using Counts = SearchCounts;

  static void validate(const HeavyPairsSpec&, const Params&) {}
  Popcount(const Communicator&, const HeavyPairsSpec&, const Params&);
  const HeavyPairsSolution& run(const HeavyPairsProblem<T>&);
  Counts counts() const { return {hits_.gathered()}; }
  static Counts expected(const HeavyPairsSpec& spec, const Params&) { return {expected_hits(spec)}; }
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
