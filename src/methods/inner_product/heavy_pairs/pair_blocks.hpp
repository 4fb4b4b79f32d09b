#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/array.hpp"
#include "base/fields.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

namespace breakeven::inner_product {

/// Rows of A to be compared with rows of B.
struct PairBlock {
  BitView a, b;
  Index first_a = 0, first_b = 0;  ///< global index of the first row of each
  bool triangle = false;           ///< a and b are the same rows: pairs i < j alone
};

/// Which pairs of rows a rank compares, and how it comes by the rows. A and B lie in P contiguous blocks each; over all
/// ranks every pair of blocks is compared once.
///
///   grid, P = 6 = 2 x 3 ranks: rank 3 r + c gathers the blocks of A of its row and the blocks of B of its column
///                   B0 B3    B1 B4    B2 B5
///        A0 A1 A2   rank 0   rank 1   rank 2
///        A3 A4 A5   rank 3   rank 4   rank 5
///   ring: A stays, the blocks of B travel
///        step 0     rank 0: A0 B0   rank 1: A1 B1   rank 2: A2 B2
///        step 1     rank 0: A0 B1   rank 1: A1 B2   rank 2: A2 B0
///
/// With `self` blocks p and q are compared once, by the rank that holds (p, q) with q among the P / 2 blocks behind p
/// (cyclically), and a block with itself as a triangle: every block of A has as many partners, and the ring stops half
/// way round.
/// Grid: two all-gathers, memory n / Pr + n_b / Pc rows, Pr Pc = P. Ring: P - 1 shifts, memory 2 n_b / P rows.
/// Source: the 2D decomposition of dense products (Fox, Otto, Hey 1987), gathered at once; the rule for `self` is the
/// half-shell method of n-body codes.
class PairBlocks {
 public:
  using Visit = std::function<void(const PairBlock&)>;

  /// Collective: a grid splits the communicator. `partition`: grid or ring.
  PairBlocks(const Communicator&, const HeavyPairsSpec&, const std::string& partition);

  /// Calls visit for every pair of blocks of this rank, none of them empty; the views last until it returns.
  /// Collective.
  void for_each(const HeavyPairsProblem<Word>&, const Visit& visit);

  /// Rows of A and of B in the largest blocks that it visits.
  std::pair<Index, Index> most_rows() const;

  /// The rows of A and B this rank compares, gathered by for_each() beforehand; of a grid alone.
  static void communicate(Schedule&, const HeavyPairsSpec&, const std::string& partition, int ranks, int rank);
  /// Pairs of rows this rank compares.
  static double pairs(const HeavyPairsSpec&, const std::string& partition, int ranks, int rank);
  /// Bytes of the rows it holds beside the problem's.
  static Index bytes(const HeavyPairsSpec&, const std::string& partition, int ranks, int rank);

 private:
  void for_each_in_grid(const HeavyPairsProblem<Word>&, const Visit&);
  void for_each_in_ring(const HeavyPairsProblem<Word>&, const Visit&);

  HeavyPairsSpec spec_;
  Communicator comm_;
  std::optional<Communicator> row_, column_;  // of the grid
  Array<Word> a_, b_;                         // grid: gathered rows; ring: two travelling blocks of B
};

/// The option that chooses between them.
template <class Params>
constexpr auto partition_field() {
  return Field{"partition", &Params::partition,
               "how ranks share the pairs: blocks of a 2D grid, or a ring of less memory", "",
               std::array<std::string_view, 6>{"grid", "ring"}};
}

}  // namespace breakeven::inner_product
