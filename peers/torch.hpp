#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "methods/attention/forward/exact.hpp"
#include "torch_worker.hpp"

namespace breakeven::peers {

/// Exact attention as a user of PyTorch writes it: softmax(q k^T / sqrt(d)) v with an additive mask if causal, on one
/// thread of a Python process beside this rank. All keys and values are gathered first on more than one rank; on one
/// rank the tensors stay in the worker between runs, as a user's would.
/// Shapes: rows of Q, K, V in contiguous blocks; O likewise. Memory: up to three n x n matrices.
/// Collective. Cost per rank: 2 n^2 (d + d_value) / P flops a slice; 1 message if P > 1.
/// Errors: Failure if Python or PyTorch cannot be started. Source: none; Debian's python3-torch.
template <class T, Heap heap>
class Torch {
 public:
  static constexpr std::string_view name = heap == Heap::warm ? "torch" : "torch_as_shipped";
  static constexpr Index most_rows = 16'384;
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const attention::ForwardSpec&, const Params&);
  Torch(const Communicator&, const attention::ForwardSpec&, const Params&);
  const attention::ForwardSolution<T>& run(const attention::ForwardProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const attention::ForwardSpec&, const Params&) { return {}; }
  static Schedule schedule(const attention::ForwardSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return attention::exact_promise<T>(spec_); }

 private:
  void hand_over(const attention::ForwardProblem<T>& problem);

  Communicator comm_;
  attention::ForwardSpec spec_;
  Layout layout_;
  std::optional<attention::GatheredKeyValues<T>> gathered_;  // on more than one rank
  std::unique_ptr<TorchWorker> worker_;                      // on ranks that have rows
  const attention::ForwardProblem<T>* handed_over_ = nullptr;
  attention::ForwardSolution<T> solution_;
};

template <class T>
using TorchWarm = Torch<T, Heap::warm>;
template <class T>
using TorchAsShipped = Torch<T, Heap::as_shipped>;

}  // namespace breakeven::peers
