#pragma once

#include <string_view>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/attention/forward/exact.hpp"

namespace breakeven::attention {

/// Exact softmax attention after one all-gather of all keys and values: the simple reference, with O(n d) memory per
/// rank and nothing overlapped.
/// Shapes: rows of Q, K, V in contiguous blocks; O likewise. Under a causal mask the last rank has the most work.
/// Collective. Cost per rank: 2 n^2 (d + d_value) / P flops a slice, 1 message of n (d + d_value) / P words.
/// Errors: none. Source: none needed; blocks by online softmax (numerics/online_softmax.hpp).
template <class T>
class AllGather {
 public:
  static constexpr std::string_view name = "allgather";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const ForwardSpec&, const Params&) {}
  AllGather(const Communicator&, const ForwardSpec&, const Params&);
  const ForwardSolution<T>& run(const ForwardProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const ForwardSpec&, const Params&) { return {}; }
  static Schedule schedule(const ForwardSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return exact_promise<T>(spec_); }

 private:
  Communicator comm_;
  ForwardSpec spec_;
  Layout layout_;
  SoftmaxRows<T> rows_;
  GatheredKeyValues<T> gathered_;
  ForwardSolution<T> solution_;
};

}  // namespace breakeven::attention
