#pragma once

#include <span>
#include <vector>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/heavy_pairs/pair_blocks.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"
#include "numerics/hamming_pairs.hpp"

namespace breakeven::inner_product {

/// What every search counts.
struct SearchCounts {
  Index gathered = 0;

  static constexpr auto fields() {
    return std::tuple{
        Field{"gathered", &SearchCounts::gathered, "hits that the ranks handed over, double ones included"}};
  }
};

/// The hits of one rank on their way to the solution of all.
class HitList {
 public:
  explicit HitList(const HeavyPairsSpec& spec) : spec_(spec) { clear(); }

  void clear();
  /// A heavy pair of global rows, at that Hamming distance; with `self` in either order.
  void add(Index i, Index j, Index distance);
  /// Heavy pairs of rows of a block.
  void add(const PairBlock&, std::span<const BitPair>);
  /// More than max-hits different ones: the search of this rank may stop, gather() will say so.
  bool full() const { return full_; }

  /// All ranks' hits in order, each once, on every rank; `counted`, a number of the caller's, is added up on the way.
  /// Collective; two all-gathers: how many and that number, then 24 bytes a hit.
  /// Errors: CollectiveError if the ranks hand over more than max-hits, double ones included: all ranks must hold them.
  void gather(const Communicator&, HeavyPairsSolution&, Index counted = 0);
  // Of the last gather(), equal on all ranks.
  Index gathered() const { return gathered_; }
  Index counted() const { return counted_; }

  static void communicate(Schedule&);
  /// Bytes of the lists of so many hits, at the busiest moment.
  static Index bytes(Index gathered);

 private:
  struct Hit {
    Index i, j, product;
    friend auto operator<=>(const Hit&, const Hit&) = default;
  };
  static void sort_and_unite(std::vector<Hit>&);

  void unite();

  HeavyPairsSpec spec_;
  std::vector<Hit> hits_;
  std::size_t unite_at_ = 0;  // so many hits, some of them twice, are worth sorting
  bool full_ = false;
  Index gathered_ = 0, counted_ = 0;
};

/// Hits to expect: the planted pairs, and those of uniform data that chance takes over the threshold.
Index expected_hits(const HeavyPairsSpec&);

}  // namespace breakeven::inner_product
