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

/// How many slices' states exist at once.
enum class HeldSlices {
  all,  ///< for keys that arrive in turns, every slice's at a time
  one,  ///< for slices that are finished one after the other: the state stays in the cache
};

/// The online softmax of the query rows of one rank: a state per held slice and range of the layout. Local.
/// Between start() and finish() of a slice no other slice may be started if only one is held.
template <class T>
class SoftmaxRows {
 public:
  SoftmaxRows(const ForwardSpec& spec, SoftmaxMaximum maximum, const Layout& layout, int rank, HeldSlices held);

  void start(const ForwardProblem<T>& problem, Index slice);
  /// Adds the keys of rank `origin`.
  void absorb(const KeyValueBlock<T>& block, Index slice, int origin, const std::function<void()>& between_tiles = {});
  void finish(Index slice, Array<T>& o) const;
  /// All three for a rank that is alone, whose layout is one range.
  void attend(const ForwardProblem<T>& problem, Index slice, Array<T>& o);

  static Index bytes(const ForwardSpec& spec, const Layout& layout, int rank, HeldSlices held);
  /// Flops of absorb() of all slices: 2 (d + d_value) a pair.
  static double flops(const ForwardSpec& spec, const Layout& layout, int rank, int origin);
  /// The fewest bytes of memory traffic of absorb() of all slices: queries, outputs, keys and values once.
  static double traffic(const ForwardSpec& spec, const Layout& layout, int rank, int origin);

 private:
  /// Index of the state of a slice's first range.
  std::size_t first_state(Index slice) const;
  /// Attention of this slice will fetch what the next one reads and writes, where a cache holds it.
  void fetch_meanwhile(const ForwardProblem<T>& problem, Index slice, const Array<T>& o);

  Layout layout_;
  std::vector<Range> ranges_;
  Index held_slices_;
  SoftmaxWorkspace<T> workspace_;
  std::vector<OnlineSoftmax<T>> states_;  // [held slice][range]
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
