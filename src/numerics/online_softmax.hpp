#pragma once

#include <functional>

#include "base/array.hpp"
#include "base/index.hpp"
#include "numerics/fetch_queue.hpp"

namespace breakeven {

enum class SoftmaxMaximum {
  running,  ///< weights are exp(score - maximum so far): never overflows
  none,     ///< weights are exp(score): only where the caller knows that no score can overflow
};

/// Rows of queries, row-major (rows x d); row i has the global index first_global + i.
template <class T>
struct QueryBlock {
  const T* queries = nullptr;
  Index rows = 0;
  Index first_global = 0;
};

/// Rows of keys (rows x d) and values (rows x d_value), row-major; row j has the global index first_global + j.
template <class T>
struct KeyBlock {
  const T* keys = nullptr;
  const T* values = nullptr;
  Index rows = 0;
  Index first_global = 0;
};

struct SoftmaxShape {
  Index d = 0;        ///< length of queries and keys, at least 1
  Index d_value = 0;  ///< length of values, at least 1
  double scale = 1;   ///< score = scale * <query, key>
  bool causal = false;
  SoftmaxMaximum maximum = SoftmaxMaximum::running;
};

template <class T>
struct SoftmaxKernel;  // the compiled loops of one instruction set
template <class T>
struct QueryPanel;

/// Scratch of absorb() and attend(): a packed stretch of keys and values and the weights of one block of them. One per
/// rank serves all states.
template <class T>
class SoftmaxWorkspace {
 public:
  /// Allocates and touches all memory. `max_keys`: the most rows of a KeyBlock; longer ones only take more stretches.
  SoftmaxWorkspace(const SoftmaxShape& shape, Index max_keys);
  /// What it allocates; bounded by the cache, whatever max_keys.
  static Index bytes(const SoftmaxShape& shape, Index max_keys);

  /// What the next attend() brings into the second-level cache beside its work.
  void fetch_meanwhile(const FetchQueue& queue) { fetched_ = queue; }

 private:
  template <class>
  friend class OnlineSoftmax;
  const SoftmaxKernel<T>* kernel_;
  Index packed_keys_;  // rows of one stretch
  AlignedVector<T> keys_, values_;
  Index in_place_keys_;  // most rows that are not packed
  AlignedVector<T> last_keys_, last_values_;
  AlignedVector<T> weights_;
  FetchQueue fetched_;
};

/// Softmax attention of one block of queries over key blocks that arrive one after the other, in any order:
///   output_i = sum_j exp(scale <q_i, k_j>) v_j / sum_j exp(scale <q_i, k_j>),   causal: j <= i only (global indices).
/// The answer does not depend on the order or the cutting of the key blocks but for rounding. A query that has seen no
/// key stays neutral; its output is 0. Not collective, no communicator. Cost of absorb(): 2 n_queries n_keys (d +
/// d_value) flops, half on the causal diagonal; nothing is allocated. Errors: none; inputs must be finite. Source:
/// online softmax: Milakov and Gimelshein (2018), algorithm 3; blocked with values: Rabe and Staats (2021), Dao et al.
/// (2022). Deviation: the maximum is raised only when a score exceeds it by more than a threshold; the factor cancels
/// in the quotient.
template <class T>
class OnlineSoftmax {
 public:
  /// Allocates and touches the memory of a state of up to `n_queries` queries.
  OnlineSoftmax(const SoftmaxShape& shape, Index n_queries);

  /// Takes a block of at most n_queries queries (copied, scaled) and forgets all keys.
  void start(const QueryBlock<T>& block);

  /// Adds the keys of `block`. `between_tiles` is called a few times per 100 microseconds, so that MPI can progress.
  void absorb(const KeyBlock<T>& block, SoftmaxWorkspace<T>& workspace,
              const std::function<void()>& between_tiles = {});

  /// Writes rows x d_value, row-major. The state stays as it is: more keys may follow.
  void finish(T* outputs) const;

  /// start(), absorb() and finish() where `keys` are all there are; the state is lost. Few keys are read where they
  /// lie, and each panel of queries is finished before the next, so that only one panel's state takes room in the
  /// caches.
  void attend(const QueryBlock<T>& queries, const KeyBlock<T>& keys, SoftmaxWorkspace<T>& workspace, T* outputs);

  /// What the constructor allocates.
  static Index bytes(const SoftmaxShape& shape, Index n_queries);

 private:
  Index n_panels() const;
  Range panel_rows(Index p) const;
  /// Panel p of the block, whose state is at the given place.
  QueryPanel<T> panel(Index p, Index place);
  void load(const QueryBlock<T>& block, Index p, Index place);
  void store(T* outputs, Index p, Index place) const;

  void take(const QueryBlock<T>& block);
  /// Keys that some query sees.
  Index visible_keys(const KeyBlock<T>& block) const;
  void check(const SoftmaxWorkspace<T>& workspace) const;

  SoftmaxShape shape_;
  const SoftmaxKernel<T>* kernel_;
  Index rows_ = 0, first_global_ = 0;
  // By panels of panel_width queries, queries fastest: (d x width), (d_value padded x width), (width), (width).
  AlignedVector<T> queries_, outputs_, sums_, maxima_;
};

extern template class SoftmaxWorkspace<float>;
extern template class SoftmaxWorkspace<double>;
extern template class OnlineSoftmax<float>;
extern template class OnlineSoftmax<double>;

}  // namespace breakeven
