#pragma once

#include <string_view>
#include <tuple>
#include <vector>

#include "base/fields.hpp"
#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/heavy_pairs/hit_list.hpp"
#include "methods/inner_product/heavy_pairs/lsh_keys.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"
#include "numerics/bit_sampling.hpp"

namespace breakeven::inner_product {

struct LshCounts {
  Index gathered = 0;
  Index tables = 0;
  Index key_bits_used = 0;
  Index key_radius_used = 0;
  Index check_bits = 0;
  Index met = 0;
  Index candidates = 0;
  double met_expected = 0;
  double candidates_expected = 0;

  static constexpr auto fields() {
    using Counts = LshCounts;
    return std::tuple{
        Field{"gathered", &Counts::gathered, "hits that the ranks handed over"},
        Field{"tables", &Counts::tables, "tables of keys"},
        Field{"key-bits-used", &Counts::key_bits_used, "coordinates that make a key"},
        Field{"key-radius-used", &Counts::key_radius_used, "coordinates in which keys that meet may differ"},
        Field{"check-bits", &Counts::check_bits, "coordinates compared of pairs that meet"},
        Field{"met", &Counts::met, "pairs that met in some table, once for each"},
        Field{"candidates", &Counts::candidates, "of those, pairs compared in full"},
        Field{"met-expected", &Counts::met_expected, "pairs that would meet if all signs were fair coins"},
        Field{"candidates-expected", &Counts::candidates_expected, "of those, pairs that would be compared in full"}};
  }
};

/// Heavy pairs among those that agree, but for `key_radius` of them, in `key_bits` coordinates drawn at random, in any
/// of L draws ("tables").
///   table t:  key of a row = its coordinates at the places of t     rank t mod P makes table t of all rows
///             rows of A and B by key; where keys meet, 64 or more other places ("check bits") are compared at once,
///             and pairs that are close there in full
/// A heavy pair meets in a table with the hypergeometric probability p that at most key_radius of its at most radius()
/// differences are among the key bits, and passes the check with probability s; L = ln(1 - recall / s) / ln(1 - p)
/// makes that `recall` in all, whatever the data: the draws are the only randomness. At recall 1 the keys are disjoint,
/// radius() / (key_radius + 1) + 1 of them: one has at most key_radius of the differences, so nothing is missed. A pair
/// is reported by the first table in which it meets, so that no hit is found twice. Shapes: rows of A and B in
/// contiguous blocks. All hits on every rank. Collective. Cost per rank: L / P tables of n + n_b rows sorted and L n
/// n_b / (P 2^key_bits) pairs compared (key_radius 0); two all-gathers of all rows, which every rank then holds, one
/// all-reduce, and HitList. Errors: CollectiveError if there are more than max-hits hits. Source: bit sampling of Indyk
/// and Motwani (1998) as a join of sorted tables; keys near each other as in Lv et al. (2007), Multi-probe LSH;
/// disjoint keys as in Norouzi, Punjani and Fleet (2012), multi-index hashing. Derived: exact probabilities of draws
/// without replacement.
template <class T>
class Lsh {
 public:
  static constexpr std::string_view name = "lsh";
  using Params = LshParams;
  using Counts = LshCounts;

  static void validate(const HeavyPairsSpec&, const Params&);
  Lsh(const Communicator&, const HeavyPairsSpec&, const Params&);
  const HeavyPairsSolution& run(const HeavyPairsProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const HeavyPairsSpec&, const Params&);
  static Schedule schedule(const HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void gather_rows(const HeavyPairsProblem<T>&);
  /// Candidates of table `table` of this rank.
  bool look(Index table, std::span<const BitPair> pairs);
  Index table_of_all(Index table) const { return table * comm_.size() + comm_.rank(); }

  Communicator comm_;
  HeavyPairsSpec spec_;
  LshPlan plan_;
  LshKeys keys_;
  Array<Word> a_, b_;  // all rows
  BitView view_a_, view_b_;
  std::vector<std::vector<Index>> places_;  // of the keys of this rank's tables
  BitSamplingJoin join_;
  HitList hits_;
  LshCounts counts_;
  HeavyPairsSolution solution_;
};

}  // namespace breakeven::inner_product
