#include "numerics/gram.hpp"

#include <algorithm>
#include <cstdint>

#include "numerics/small_dense.hpp"

namespace breakeven {
namespace {

// Sums of a chunk grow by blocks, each summed in registers: an entry is a sum of at most 512 products, then of at most
// 32 such sums. Closing a chunk costs less than a hundredth of it.
constexpr Index chunk_rows = 2048;

/// Entries of everything a Gram allocates.
template <class T>
struct Sizes {
  Index packed, padded_d, block_rows, panel_stride, sums, right_sums, panels, right;

  Sizes(Index d, Index n_rhs) {
    constexpr Index line = gram_line<T>, bytes = static_cast<Index>(sizeof(T));
    packed = Gram<T>::packed_size(d, n_rhs);
    padded_d = (d + line - 1) / line * line;
    // A block and the panels of a tile stay in the caches; and few rows would make the sums, which every block reads
    // and writes, too dear.
    constexpr Index block_bytes = Index{1} << 15, fewest = 128, most = 512;
    block_rows = std::clamp(block_bytes / (padded_d * bytes), fewest, most);
    panel_stride = (block_rows + 1) * line;  // a power of two would map all panels to the same sets of the caches
    sums = gram_kernel<T>().sums_size(padded_d);
    right_sums = n_rhs * padded_d;
    panels = panel_stride * padded_d / line;
    right = n_rhs * block_rows;
  }
};

template <class T>
AlignedVector<T> zeros(Index n) {
  return AlignedVector<T>(static_cast<std::size_t>(n));
}

}  // namespace

template <class T>
Gram<T>::Gram(Index d, Index n_rhs) : d_(d), n_rhs_(n_rhs), kernel_(gram_kernel<T>()) {
  const Sizes<T> sizes(d, n_rhs);
  packed_ = zeros<T>(sizes.packed);
  compensation_ = zeros<T>(sizes.packed);
  terms_ = zeros<T>(sizes.packed);
  sums_ = zeros<T>(sizes.sums);
  right_sums_ = zeros<T>(sizes.right_sums);
  panels_ = zeros<T>(sizes.panels);
  scaled_ = zeros<T>(sizes.panels);
  right_ = zeros<T>(sizes.right);
}

template <class T>
void Gram<T>::start() {
  for (AlignedVector<T>* sums : {&packed_, &compensation_, &terms_, &sums_, &right_sums_})
    std::fill(sums->begin(), sums->end(), T(0));
  pending_rows_ = 0;
}

template <class T>
void Gram<T>::absorb(const T* a, const T* b, Index rows, const T* weights) {
  const Sizes<T> sizes(d_, n_rhs_);
  for (Index begin = 0, count = 0; begin < rows; begin += count) {
    count = std::min({sizes.block_rows, rows - begin, chunk_rows - pending_rows_});
    const T* const block_weights = weights ? weights + begin : nullptr;
    const GramRows<T> rows_of_a = block(a + begin * d_, block_weights, count);
    if (n_rhs_ > 0) absorb_right(rows_of_a, b + begin * n_rhs_, block_weights);
    const Index end = begin + count, next_rows = std::min(sizes.block_rows, rows - end);
    kernel_.accumulate(rows_of_a, sums_.data(), a + end * d_, next_rows * d_ * static_cast<Index>(sizeof(T)));
    pending_rows_ += count;
    if (pending_rows_ == chunk_rows) close_chunk();
  }
}

template <class T>
GramRows<T> Gram<T>::block(const T* a, const T* weights, Index rows) {
  const Sizes<T> sizes(d_, n_rhs_);
  constexpr Index line = gram_line<T>;
  // Rows that are whole cache lines need no packing, unless they are so long that a line of columns falls on a few sets
  // of the first-level cache. Then weights are multiplied in once a block, not once a tile; for short rows, which have
  // few tiles, the second copy costs more than that.
  constexpr Index longest = 1024 / static_cast<Index>(sizeof(T));
  const bool whole_lines = d_ == sizes.padded_d && reinterpret_cast<std::uintptr_t>(a) % 64 == 0;
  if (whole_lines && d_ <= longest) return {a, a, weights, d_, line, rows, sizes.padded_d};
  GramRows<T> packed{panels_.data(), weights ? scaled_.data() : panels_.data(), weights, line, sizes.panel_stride, rows,
                     sizes.padded_d};
  kernel_.pack(a, d_, packed, panels_.data(), scaled_.data());
  packed.weights = nullptr;
  return packed;
}

template <class T>
void Gram<T>::absorb_right(const GramRows<T>& block, const T* b, const T* weights) {
  const Index stride = Sizes<T>(d_, n_rhs_).block_rows;
  for (Index j = 0; j < n_rhs_; ++j) {
    T* const scaled = right_.data() + j * stride;
    const auto scale = [&](Index i) {
      const T x = b[i * n_rhs_ + j];
      scaled[i] = weights ? weights[i] * x : x;
      return scaled[i] * x;
    };
    T squares[4] = {};  // independent sums, not one chain of additions
    Index i = 0;
    for (; i + 4 <= block.rows; i += 4)
      for (Index k = 0; k < 4; ++k) squares[k] += scale(i + k);
    for (; i < block.rows; ++i) squares[0] += scale(i);
    terms_[terms_.size() - static_cast<std::size_t>(n_rhs_ - j)] +=
        (squares[0] + squares[1]) + (squares[2] + squares[3]);
  }
  kernel_.accumulate_right(block, right_.data(), stride, n_rhs_, right_sums_.data());
}

template <class T>
void Gram<T>::close_chunk() {
  const Index padded_d = Sizes<T>(d_, n_rhs_).padded_d, triangle = breakeven::packed_size(d_);
  kernel_.unpack_sums(sums_.data(), padded_d, d_, terms_.data());
  for (Index i = 0; i < d_; ++i)
    for (Index j = 0; j < n_rhs_; ++j)
      terms_[static_cast<std::size_t>(triangle + i * n_rhs_ + j)] =
          right_sums_[static_cast<std::size_t>(j * padded_d + i)];
  kernel_.add_compensated(terms_.data(), static_cast<Index>(terms_.size()), packed_.data(), compensation_.data());
  for (AlignedVector<T>* sums : {&terms_, &sums_, &right_sums_}) std::fill(sums->begin(), sums->end(), T(0));
  pending_rows_ = 0;
}

template <class T>
std::span<T> Gram<T>::packed() {
  if (pending_rows_ > 0) close_chunk();
  return packed_;
}

template <class T>
Index Gram<T>::packed_size(Index d, Index n_rhs) {
  return breakeven::packed_size(d) + d * n_rhs + n_rhs;
}

template <class T>
double Gram<T>::flops(Index rows, Index d, Index n_rhs) {
  return static_cast<double>(rows) * static_cast<double>(d) * static_cast<double>(d + 1 + 2 * n_rhs);
}

template <class T>
Index Gram<T>::bytes(Index d, Index n_rhs) {
  const Sizes<T> sizes(d, n_rhs);
  return (3 * sizes.packed + sizes.sums + sizes.right_sums + 2 * sizes.panels + sizes.right) *
         static_cast<Index>(sizeof(T));
}

template <class T>
Array<T> Gram<T>::matrix(std::span<const T> packed, Index d) {
  return unpack_symmetric(packed.first(static_cast<std::size_t>(breakeven::packed_size(d))), d);
}

template <class T>
Array<T> Gram<T>::rhs(std::span<const T> packed, Index d, Index n_rhs) {
  Array<T> right(1, d, n_rhs);
  std::copy_n(packed.begin() + breakeven::packed_size(d), d * n_rhs, right.data());
  return right;
}

template <class T>
std::span<const T> Gram<T>::rhs_squares(std::span<const T> packed, Index, Index n_rhs) {
  return packed.last(static_cast<std::size_t>(n_rhs));
}

template class Gram<float>;
template class Gram<double>;

}  // namespace breakeven
