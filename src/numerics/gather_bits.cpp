#include "numerics/gather_bits.hpp"

#include <algorithm>
#include <vector>

#include "base/array.hpp"
#include "numerics/bit_sampling_kernel.hpp"

namespace breakeven {
namespace {

constexpr Index rows_at_once = 256;  // their words, transposed, stay in the first-level cache
constexpr Index half_bits = 32;      // the kernel makes 32 bits at a time, of words of 32 bits

}  // namespace

void transpose_halves(BitView rows, Index first, Index count, Index stride, std::uint32_t* columns) {
  const Index halves = 2 * rows.words_per_row();
  for (Index i = 0; i < count; ++i) {
    const Word* row = rows.row(first + i);
    for (Index k = 0; k < halves; ++k)
      columns[k * stride + i] = static_cast<std::uint32_t>(row[k / 2] >> (k % 2 * half_bits));
  }
}

void gather_bits(BitView rows, std::span<const Index> places, Word* out) {
  const Index n_bits = std::ssize(places), words = words_for(n_bits), row_halves = 2 * rows.words_per_row();
  const BitSamplingKernel kernel = bit_sampling_kernel();
  std::vector<KeyBit> bits;
  for (Index k = 0; k < n_bits; ++k) {
    const Index place = places[static_cast<std::size_t>(k)];
    bits.push_back({static_cast<std::int32_t>(place / half_bits), static_cast<std::int32_t>(place % half_bits),
                    static_cast<std::int32_t>(k % half_bits)});
  }
  AlignedVector<std::uint32_t> columns(static_cast<std::size_t>(row_halves * rows_at_once)), half(rows_at_once);
  std::fill_n(out, rows.n_rows * words, Word{0});
  for (Index first = 0; first < rows.n_rows; first += rows_at_once) {
    const Index count = std::min(rows_at_once, rows.n_rows - first);
    transpose_halves(rows, first, count, rows_at_once, columns.data());
    for (Index begin = 0; begin < n_bits; begin += half_bits) {
      kernel.gather(columns.data(), rows_at_once, count, bits.data() + begin, std::min(half_bits, n_bits - begin),
                    half.data());
      for (Index i = 0; i < count; ++i)
        out[(first + i) * words + begin / bits_per_word] |= Word{half[static_cast<std::size_t>(i)]}
                                                            << (begin % bits_per_word);
    }
  }
}

}  // namespace breakeven
