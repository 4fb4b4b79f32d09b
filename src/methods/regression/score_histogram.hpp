#pragma once

#include <span>

#include "base/array.hpp"
#include "comm/communicator.hpp"

namespace breakeven::regression {

/// Finds the scale a for which min(1, a tau_i) adds up to a wanted number of rows over all ranks, with one reduction:
/// scores are counted and summed in bins an eighth of a factor 2 wide.
/// Collective: reduce(), one all_reduce of bytes(). The rest is local. Errors: none.
class ScoreHistogram {
 public:
  ScoreHistogram();

  void clear();
  /// Scores of this rank; negative ones and NaN count as 0, infinity as larger than all.
  void add(std::span<const double> scores);
  void reduce(const Communicator& comm);

  /// Scale with sum min(1, a tau_i) between 7/8 and 1 of `rows`, equal on all ranks: in the one bin that holds 1/a all
  /// scores are taken as unclipped. Infinity if no more than `rows` scores are positive: then all of them are kept.
  double scale_for(double rows) const;

  static Index bytes();

 private:
  AlignedVector<double> bins_;  // counts, then sums
};

}  // namespace breakeven::regression
