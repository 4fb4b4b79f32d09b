#pragma once

#include <string_view>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/quantum_sampling/problem.hpp"

namespace breakeven::regression {

/// Amplitude amplification as what it is: a rotation in the plane of two vectors, all marked items and all others. Each
/// iteration turns (marked, other) by 2 theta, sin^2(theta) = sum of weights / n. A search repeats it with coins.
/// Shapes: weights in contiguous blocks; outcome likewise.
/// Collective. Cost per rank: O(n / P) to write the outcome, a few flops an iteration, which every rank repeats; one
/// all_reduce of 8 bytes for the sum of weights if they are weighted, else none.
/// Errors: none once `validate` has passed; more ranks than items are refused.
/// Source: Boyer, Brassard, Hoyer, Tapp (1998), section 3; deviation: none.
template <class T>
class TwoPlane {
 public:
  static constexpr std::string_view name = "two_plane";
  using Params = QuantumSamplingParams;
  using Counts = QuantumSamplingCounts;

  static void validate(const QuantumSamplingSpec&, const Params& params) { validate_sampling(params); }
  static Layout layout(const QuantumSamplingSpec& spec, const Params&, int ranks) {
    return sampling_layout(spec, ranks);
  }
  TwoPlane(const Communicator&, const QuantumSamplingSpec&, const Params&);
  const QuantumSamplingSolution<T>& run(const QuantumSamplingProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const QuantumSamplingSpec& spec, const Params& params) {
    return expected_sampling(spec, params);
  }
  static Schedule schedule(const QuantumSamplingSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void amplify(const QuantumSamplingProblem<T>&);
  void search(const QuantumSamplingProblem<T>&);

  Communicator comm_;
  QuantumSamplingSpec spec_;
  Params params_;
  Counts counts_;
  QuantumSamplingSolution<T> solution_;
};

}  // namespace breakeven::regression
