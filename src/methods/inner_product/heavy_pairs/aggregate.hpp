#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/heavy_pairs/aggregate_plan.hpp"
#include "methods/inner_product/heavy_pairs/hit_list.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"
#include "numerics/group_features.hpp"
#include "numerics/integer_product.hpp"

namespace breakeven::inner_product {

struct AggregateCounts {
  Index degree_used = 0;
  Index features = 0;
  Index groups = 0;
  Index flagged_pairs = 0;
  Index gathered = 0;
  double flagged_share = 0;
  double flagged_share_expected = 0;
  double recall_expected = 0;
  Index strassen_levels = 0;
  Index multiply_adds = 0;
  double model_multiply_adds = 0;
  double model_ratio = 0;
  double measured_ratio = 0;
  double paper_dimension = 0;
  Index paper_degree = 0;
  double paper_log10_features = 0;

  static constexpr auto fields() {
    using Counts = AggregateCounts;
    return std::tuple{
        Field{"degree-used", &Counts::degree_used, "coordinates multiplied in a feature"},
        Field{"features", &Counts::features, "t: features of an aggregate"},
        Field{"groups", &Counts::groups, "groups of rows of A"},
        Field{"flagged-pairs", &Counts::flagged_pairs, "pairs of groups that were looked into, all rounds"},
        Field{"gathered", &Counts::gathered, "hits that the ranks handed over, double ones included"},
        Field{"flagged-share", &Counts::flagged_share, "of all pairs of groups"},
        Field{"flagged-share-expected", &Counts::flagged_share_expected, "the same where there is no heavy pair"},
        Field{"recall-expected", &Counts::recall_expected, "probability that a pair of correlation rho is found"},
        Field{"strassen-levels", &Counts::strassen_levels, "levels of the recursion, 0 with multiply blas"},
        Field{"multiply-adds", &Counts::multiply_adds,
              "multiplications in products of aggregates, all rounds and ranks, padding of the recursion included"},
        Field{"model-multiply-adds", &Counts::model_multiply_adds,
              "rounds n n_b signal^2 / rho^(2 degree), half of it with self: what no choice of the group changes"},
        Field{"model-ratio", &Counts::model_ratio, "model-multiply-adds over n n_b d, the signs of all pairs"},
        Field{"measured-ratio", &Counts::measured_ratio, "multiply-adds over n n_b d"},
        Field{"paper-dimension", &Counts::paper_dimension, "d from which the paper's constants hold, with gap 4"},
        Field{"paper-degree", &Counts::paper_degree, "degree they ask for"},
        Field{"paper-log10-features", &Counts::paper_log10_features, "log10 of the features they ask for"}};
  }
};

/// Heavy pairs by aggregates of groups of rows: sums of features over a group, with random signs, are multiplied; where
/// the product of two groups stands out, all pairs of rows between them are compared.
///
///   every rank   A, B (raw signs) from all others     one all_gather each; aggregates are made anew, never shipped
///   round        random order of rows -> groups of g; random coordinates -> features; U (n/g x t), V likewise
///                rank r: tiles r, r + P, ... of C = U V'  ->  flagged (I, J): |C_IJ| >= threshold g sqrt(t)
///   then         flagged pairs of all rounds, all_gather; rank r compares the rows of pairs r, r + P, ...
///                hits of all ranks, sorted, each once
///
/// Shapes: rows of A and B in contiguous blocks; hits (h x 3) on every rank. With self U = V, tiles above the diagonal,
/// and rows of one group are compared without a product.
/// Collective. Cost: rounds n n_b signal^2 / rho^(2 degree) / P multiply-adds, whatever g is; messages of n d / 8 bytes
/// and of the flagged pairs; memory n d / 8 bytes a matrix on every rank and tiles. Every hit is exact (precision 1);
/// recall is promised to nobody: it holds for independent background rows.
/// Errors: more hits than max_hits, on all ranks alike.
/// Source: the algorithm of arXiv 2311.11429, which generalises Alman (2019), arXiv 1810.06740, and Karppa, Kaski,
/// Kohonen (2018), arXiv 1510.03895. Deviations, all derived (NOTES.md): practical constants in place of the paper's,
/// which no machine can run (paper_constants()); monomials of exactly `degree` factors from disjoint random sets of
/// coordinates in place of all monomials up to it; rounds whose hits are united in place of a majority.
template <class T>
class Aggregate {
 public:
  static constexpr std::string_view name = "aggregate";
  using Params = AggregateParams;
  using Counts = AggregateCounts;

  static Params normalised(Params params);
  static void validate(const HeavyPairsSpec& spec, const Params& params) { validate_aggregate(spec, params); }
  Aggregate(const Communicator&, const HeavyPairsSpec&, const Params&);
  const HeavyPairsSolution& run(const HeavyPairsProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const HeavyPairsSpec&, const Params&);
  static Schedule schedule(const HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;
  /// Pairs of rows that this rank compared sign by sign in the last run(): its share of the flagged work. Local.
  Index compared() const { return compared_; }

 private:
  /// The random objects of one round: they depend on nothing but sizes.
  struct Round {
    std::vector<Index> order_a, order_b;
    std::vector<std::uint8_t> negative_a, negative_b;
    FeatureSets sets;
  };
  /// Groups of A and groups of B whose products one rank computes together.
  struct Tile {
    Range a, b;
  };
  static std::vector<Tile> tiles(const AggregatePlan&, Index edge, bool self, int ranks);
  static double group_pairs(const AggregatePlan&, bool self);
  static Counts predicted(const HeavyPairsSpec&, const Params&, int ranks);
  Round draw(Index round) const;
  GroupedRows side_a(const Round&) const;
  GroupedRows side_b(const Round&) const;
  void gather_rows(const HeavyPairsProblem<T>&);
  void flag(Index round, const Tile&);
  void set_limits(Index size, const GroupedRows& b, Range range);
  std::vector<Index> shared_flagged() const;
  void compare_flagged(const std::vector<Index>& flagged);
  void compare_within_groups();
  void compare(const GroupedRows& a, Index group_a, const GroupedRows& b, Index group_b);

  Communicator comm_;
  HeavyPairsSpec spec_;
  Params params_;
  AggregatePlan plan_;
  std::vector<Tile> tiles_;  ///< of all ranks
  std::vector<Round> rounds_;
  AlignedVector<Word> all_a_, all_b_;
  std::optional<GroupFeatures> features_a_, features_b_;
  std::optional<IntegerProduct> product_;
  std::vector<std::int32_t> limits_;  ///< of |C_IJ|, one a group J of a tile
  std::vector<Index> flagged_;        ///< by this rank: (round groups_a + I) groups_b + J
  HitList hits_;
  Index compared_ = 0;
  HeavyPairsSolution solution_;
  Counts counts_;
};

}  // namespace breakeven::inner_product
