#pragma once

#include <string_view>

#include "methods/attention/forward/exact.hpp"

namespace breakeven::peers {

/// Exact attention as one builds it from a BLAS library: scores and outputs of a tile of 512 queries and 256 keys are
/// two products of the library, softmax between them is vectorised and keeps a running maximum a row.
/// Shapes: rows of Q, K, V in contiguous blocks; O likewise.
/// Collective. Cost per rank: 2 n^2 (d + d_value) / P flops a slice, 1 message of n (d + d_value) / P words.
/// Errors: none. Source: as numerics/online_softmax.hpp; the products are the BLAS library's.
template <class T>
class OpenBlas {
 public:
  static constexpr std::string_view name = "openblas";
  using Params = NoFields;
  using Counts = NoFields;

  static void validate(const attention::ForwardSpec&, const Params&) {}
  OpenBlas(const Communicator&, const attention::ForwardSpec&, const Params&);
  const attention::ForwardSolution<T>& run(const attention::ForwardProblem<T>&);
  Counts counts() const { return {}; }
  static Counts expected(const attention::ForwardSpec&, const Params&) { return {}; }
  static Schedule schedule(const attention::ForwardSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return attention::exact_promise<T>(spec_); }

 private:
  /// All keys for the queries [first, first + rows) of this rank.
  void attend(const T* queries, Index slice, Index first, Index rows, T* outputs);

  Communicator comm_;
  attention::ForwardSpec spec_;
  Layout layout_;
  attention::GatheredKeyValues<T> gathered_;
  AlignedVector<T> scores_, maxima_, sums_, factors_;
  attention::ForwardSolution<T> solution_;
};

}  // namespace breakeven::peers
