#pragma once

#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// Balanced contiguous block `part` of n rows in `parts` blocks: the first n % parts blocks hold one row more.
Range block(Index n, Index parts, Index part);

/// Which global rows each rank holds, in the order it holds them: per rank an ordered list of disjoint ranges.
/// Worked example, n = 10, two ranks:
///   contiguous  rank 0: [0,5)            rank 1: [5,10)
///   zigzag      rank 0: [0,3) [8,10)     rank 1: [3,6) [6,8)     (chunks r and 2P-1-r of 2P: equal work under a causal
///   mask)
class Layout {
 public:
  static Layout contiguous(Index n, int ranks);
  static Layout zigzag(Index n, int ranks);

  int ranks() const { return static_cast<int>(ranges_.size()); }
  const std::vector<Range>& ranges(int rank) const { return ranges_[static_cast<std::size_t>(rank)]; }
  Index rows(int rank) const;  ///< number of rows that `rank` holds; may be 0
  Index max_rows() const;      ///< the largest of them

  friend bool operator==(const Layout&, const Layout&) = default;

 private:
  std::vector<std::vector<Range>> ranges_;
};

}  // namespace breakeven
