#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/attention/forward/key_value_block.hpp"
#include "methods/attention/forward/problem.hpp"
#include "numerics/online_softmax.hpp"

// What the exact methods share: the softmax states of this rank's queries, and what can be said of their rounding.
namespace breakeven::attention {

/// Query-key pairs of one slice between two ranges of tokens; only pairs with key <= query when causal.
double pairs(const ForwardSpec& spec, Range queries, Range keys);

/// The online softmax of all query rows of one rank: a state per slice and range of the layout. Local.
template <class T>
class SoftmaxRows {
 public:
  SoftmaxRows(const ForwardSpec& spec, SoftmaxMaximum maximum, const Layout& layout, int rank);

  void start(const ForwardProblem<T>& problem);
  /// Adds the keys of rank `origin`.
  void absorb(const KeyValueBlock<T>& block, int origin, const std::function<void()>& between_tiles = {});
  void finish(Array<T>& o) const;

  static Index bytes(const ForwardSpec& spec, const Layout& layout, int rank);
  /// Flops of absorb(): 2 (d + d_value) a pair.
  static double flops(const ForwardSpec& spec, const Layout& layout, int rank, int origin);
  /// The fewest bytes of memory traffic of absorb(): queries, outputs, keys and values once.
  static double traffic(const ForwardSpec& spec, const Layout& layout, int rank, int origin);

 private:
  ForwardSpec spec_;
  Layout layout_;
  std::vector<Range> ranges_;
  SoftmaxWorkspace<T> workspace_;
  std::vector<OnlineSoftmax<T>> states_;  // [slice][range]
};

/// Keys and values of all ranks on every rank, by one all-gather; rows in contiguous blocks.
template <class T>
class GatheredKeyValues {
 public:
  GatheredKeyValues(const Communicator& comm, const ForwardSpec& spec, const Layout& layout);

  /// Collective, one message.
  void gather(const ForwardProblem<T>& problem);
  /// What rank `origin` holds.
  KeyValueBlock<T> block(int origin) const;

  /// What one rank allocates.
  static Index bytes(const ForwardSpec& spec, const Layout& layout, int rank);
  /// The gather, then this rank's queries with every rank's keys.
  static Schedule schedule(const ForwardSpec& spec, const Layout& layout, int rank);

 private:
  Communicator comm_;
  ForwardSpec spec_;
  Layout layout_;
  std::vector<Index> lengths_;   // words of each rank's block
  AlignedVector<T> mine_, all_;  // this rank's block, and all blocks in rank order
};

/// Rounding of exact attention in T, relative to max |V|: with u the unit roundoff, scores of magnitude R carry
/// (sqrt(d) + 2) R u, sums of n weights sqrt(n) u (sums of k roundings grow like sqrt(k): Higham and Mary 2019), the
/// exponential and the division a few u; 8 is the safety factor. R is the spec's score bound.
template <class T>
Promise exact_promise(const ForwardSpec& spec);

}  // namespace breakeven::attention
