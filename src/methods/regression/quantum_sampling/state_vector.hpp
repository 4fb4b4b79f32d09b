#pragma once

#include <string_view>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/quantum_sampling/problem.hpp"

namespace breakeven::regression {

/// Amplitude amplification on the whole state vector, amplitudes real and spread over the ranks in blocks.
///
///   each rank, each iteration:  flip the sign of marked amplitudes | one all_reduce of 8 bytes: the mean |
///                               psi_i = 2 mean - psi_i, and on the way the sum for the next mean
///   a measurement:              one all_gather of 8 bytes, the mass of marked items of every rank; the coin falls
///                               either among these, and its rank finds the item, or on no marked item
///
/// Weighted items have two amplitudes each, marked and not, and are reflected about their start state instead.
/// Shapes: weights in contiguous blocks; outcome likewise. Amplitudes are held in T, sums are in float64.
/// Collective. Cost per rank: 2 n / P flops (weighted 8 n / P) and one message of 8 bytes an iteration, one a
/// measurement, one at the end. At small n it measures the latency of all_reduce and nothing else.
/// Errors: none once `validate` has passed; more ranks than items are refused.
/// It never beats two_plane, which does the same in O(1) an iteration: what a simulation of n amplitudes costs is the
/// point.
/// Source: Grover (1996), Brassard, Hoyer, Mosca, Tapp (2002); distribution over ranks ours.
template <class T>
class StateVector {
 public:
  static constexpr std::string_view name = "state_vector";
  using Params = QuantumSamplingParams;
  using Counts = QuantumSamplingCounts;

  static void validate(const QuantumSamplingSpec&, const Params& params) { validate_sampling(params); }
  static Layout layout(const QuantumSamplingSpec& spec, const Params&, int ranks) {
    return sampling_layout(spec, ranks);
  }
  StateVector(const Communicator&, const QuantumSamplingSpec&, const Params&);
  const QuantumSamplingSolution<T>& run(const QuantumSamplingProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const QuantumSamplingSpec& spec, const Params& params) {
    return expected_sampling(spec, params);
  }
  static Schedule schedule(const QuantumSamplingSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void amplify(Index iterations);
  void amplify_weighted(const QuantumSamplingProblem<T>&, Index iterations);
  bool measure(double coin);
  void report_probabilities();
  void report_found(const QuantumSamplingProblem<T>&);
  Index rows() const { return rows_.size(); }

  Communicator comm_;
  QuantumSamplingSpec spec_;
  Params params_;
  Range rows_;
  Counts counts_;
  AlignedVector<T> amplitudes_;  // of this rank's items: marked; if weighted, then those of "not marked"
  AlignedVector<T> start_;       // weighted only
  std::vector<Index> marked_;    // this rank's items still to be found
  std::vector<Index> lengths_;   // 1 for each rank
  std::vector<double> masses_;   // of marked items, by rank
  QuantumSamplingSolution<T> solution_;
};

}  // namespace breakeven::regression
