#include "openblas.hpp"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>

#include "tile_softmax.hpp"

namespace breakeven::peers {
namespace {

using attention::ForwardProblem;
using attention::ForwardSolution;
using attention::ForwardSpec;
using attention::GatheredKeyValues;
using attention::KeyValueBlock;

// Large enough that the library's packing pays, small enough that a tile of scores stays in the second-level cache.
constexpr Index tile_queries = 512, tile_keys = 256;

/// c (m x n, rows `ldc` apart) = a (m x k) b^T (n x k), all row-major.
void multiply_transposed(Index m, Index n, Index k, const float* a, const float* b, float* c, Index ldc) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1,
              a, static_cast<int>(k), b, static_cast<int>(k), 0, c, static_cast<int>(ldc));
}
void multiply_transposed(Index m, Index n, Index k, const double* a, const double* b, double* c, Index ldc) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1,
              a, static_cast<int>(k), b, static_cast<int>(k), 0, c, static_cast<int>(ldc));
}

/// c (m x n) += a (m x k, rows `lda` apart) b (k x n), all row-major.
void multiply_add(Index m, Index n, Index k, const float* a, Index lda, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
              1, a, static_cast<int>(lda), b, static_cast<int>(n), 1, c, static_cast<int>(n));
}
void multiply_add(Index m, Index n, Index k, const double* a, Index lda, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
              1, a, static_cast<int>(lda), b, static_cast<int>(n), 1, c, static_cast<int>(n));
}

}  // namespace

template <class T>
OpenBlas<T>::OpenBlas(const Communicator& comm, const ForwardSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      layout_(Layout::contiguous(spec.n, comm.size())),
      gathered_(comm, spec, layout_),
      scores_(tile_queries * tile_keys),
      maxima_(tile_queries),
      sums_(tile_queries),
      factors_(tile_queries) {
  solution_.o = Array<T>(spec.slices(), layout_.rows(comm.rank()), spec.value_dimension());
}

template <class T>
const ForwardSolution<T>& OpenBlas<T>::run(const ForwardProblem<T>& problem) {
  gathered_.gather(problem);
  const Index mine = layout_.rows(comm_.rank());
  for (Index slice = 0; slice < spec_.slices(); ++slice)
    for (Index first = 0; first < mine; first += tile_queries)
      attend(problem.q.row(slice, first), slice, first, std::min(tile_queries, mine - first),
             solution_.o.row(slice, first));
  return solution_;
}

template <class T>
void OpenBlas<T>::attend(const T* queries, Index slice, Index first, Index rows, T* outputs) {
  const Index d_value = spec_.value_dimension(), first_global = layout_.ranges(comm_.rank()).front().begin + first;
  const T factor = static_cast<T>(spec_.scale_factor() * std::numbers::log2e);
  std::fill_n(outputs, rows * d_value, T(0));
  std::fill(sums_.begin(), sums_.end(), T(0));
  std::fill(maxima_.begin(), maxima_.end(), std::numeric_limits<T>::lowest() / 4);
  std::array<Index, tile_queries> visible{};
  for (int origin = 0; origin < comm_.size(); ++origin) {
    const KeyValueBlock<T> block = gathered_.block(origin);
    const Range held = layout_.ranges(origin).front();
    for (Index key = 0; key < held.size(); key += tile_keys) {
      const Index keys = std::min(tile_keys, held.size() - key), first_key = held.begin + key;
      if (spec_.causal && first_key > first_global + rows - 1) break;
      for (Index r = 0; r < rows; ++r)
        visible[static_cast<std::size_t>(r)] =
            spec_.causal ? std::clamp<Index>(first_global + r + 1 - first_key, 0, keys) : keys;
      multiply_transposed(rows, keys, spec_.d, queries, block.keys(slice, key), scores_.data(), tile_keys);
      softmax_tile(scores_.data(), rows, keys, tile_keys, factor, visible.data(), maxima_.data(), sums_.data(),
                   factors_.data());
      scale_rows(outputs, rows, d_value, factors_.data());
      multiply_add(rows, d_value, keys, scores_.data(), tile_keys, block.values(slice, key), outputs);
    }
  }
  for (Index r = 0; r < rows; ++r) factors_[static_cast<std::size_t>(r)] = 1 / sums_[static_cast<std::size_t>(r)];
  scale_rows(outputs, rows, d_value, factors_.data());
}

template <class T>
Schedule OpenBlas<T>::schedule(const ForwardSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  const Layout rows = Layout::contiguous(spec.n, ranks);
  const Index tile = (tile_queries * tile_keys + 3 * tile_queries) * static_cast<Index>(sizeof(T));
  return GatheredKeyValues<T>::schedule(spec, rows, rank)
      .resident(GatheredKeyValues<T>::bytes(spec, rows, rank) + tile + attention::solution_bytes<T>(spec, rows, rank));
}

template class OpenBlas<float>;
template class OpenBlas<double>;

}  // namespace breakeven::peers
