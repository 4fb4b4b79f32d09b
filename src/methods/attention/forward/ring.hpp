#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/attention/forward/exact.hpp"

namespace breakeven::attention {

struct RingParams {
  std::string maximum = "running";

  static constexpr auto fields() {
    return std::tuple{Field{"maximum", &RingParams::maximum,
                            "running maximum of the scores, or none: exponentials as they are, for bounded scores", "",
                            std::array<std::string_view, 6>{"running", "none"}}};
  }
};

/// Exact softmax attention, keys and values passed around a ring of ranks while they are used. The exact baseline.
///
///   step 0   rank 0: Q0 with K0 V0   rank 1: Q1 with K1 V1   rank 2: Q2 with K2 V2
///   step 1   rank 0: Q0 with K1 V1   rank 1: Q1 with K2 V2   rank 2: Q2 with K0 V0   (blocks moved to rank - 1)
///   step 2   rank 0: Q0 with K2 V2   rank 1: Q1 with K0 V0   rank 2: Q2 with K1 V1
///
/// Shapes: rows of Q, K, V in contiguous blocks, or zigzag when causal so that steps of several ranks are balanced; O
/// likewise.
/// Collective. Cost per rank: 2 n^2 (d + d_value) / P flops a slice (half when causal), P - 1 messages of
/// n (d + d_value) / P words; memory O(n (d + d_value) / P).
/// Errors: none once `validate` has passed.
/// Source: Liu, Zaharia, Abbeel (2023), ring attention; blocks by online softmax (numerics/online_softmax.hpp).
/// Deviation: `maximum = none` leaves out the running maximum, legitimate under bounded entries.
template <class T>
class Ring {
 public:
  static constexpr std::string_view name = "ring";
  using Params = RingParams;
  using Counts = NoFields;

  static void validate(const ForwardSpec&, const Params&);
  static Layout layout(const ForwardSpec&, const Params&, int ranks);
  Ring(const Communicator&, const ForwardSpec&, const Params&);
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
  AlignedVector<T> held_, arriving_;  // the travelling block and the next one
  ForwardSolution<T> solution_;
};

/// Largest score bound for which exponentials, and sums of n of them, cannot overflow in T.
template <class T>
double largest_score_without_maximum(Index n);

}  // namespace breakeven::attention
