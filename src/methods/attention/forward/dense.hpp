#pragma once

#include <string_view>
#include <vector>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/attention/forward/exact.hpp"

namespace breakeven::attention {

/// Softmax attention straight from its definition, in float64 whatever the scalar: row by row, one score row at a time.
/// The method to compare others with by eye; in no break-even, and refused above n = 16,384.
/// Shapes: rows of Q, K, V in contiguous blocks; O likewise.
/// Collective. Cost per rank: 2 n^2 (d + d_value) / P flops a slice, 1 message of n (d + d_value) / P words.
/// Errors: none once `validate` has passed. Source: Vaswani et al. (2017), equation 1.
template <class T>
class Dense {
 public:
  static constexpr std::string_view name = "dense";
  static constexpr Index most_rows = 16'384;
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const ForwardSpec&, const Params&);
  Dense(const Communicator&, const ForwardSpec&, const Params&);
  const ForwardSolution<T>& run(const ForwardProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const ForwardSpec&, const Params&) { return {}; }
  static Schedule schedule(const ForwardSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return exact_promise<T>(spec_); }

 private:
  /// O of one query row; `seen` keys are attended to.
  void attend(const T* query, Index slice, Index seen, T* output);

  Communicator comm_;
  ForwardSpec spec_;
  Layout layout_;
  GatheredKeyValues<T> gathered_;
  std::vector<double> keys_, values_;  // slices x n x d, slices x n x d_value
  std::vector<double> weights_, sums_;
  ForwardSolution<T> solution_;
};

}  // namespace breakeven::attention
