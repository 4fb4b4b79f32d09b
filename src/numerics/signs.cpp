#include "numerics/signs.hpp"

#include <algorithm>
#include <array>

namespace breakeven {
namespace {

/// The eight signs of every byte: 16 KiB, which stay in the first cache.
constexpr auto signs_of_bytes = [] {
  std::array<std::array<double, 8>, 256> table{};
  for (std::size_t byte = 0; byte < 256; ++byte)
    for (std::size_t bit = 0; bit < 8; ++bit) table[byte][bit] = (byte >> bit & 1) != 0 ? -1 : 1;
  return table;
}();

}  // namespace

template <class T>
void unpack_signs(const Word* row, Index n_bits, T* out) {
  for (Index j = 0; j < n_bits; ++j)
    out[j] = static_cast<T>(1 - 2 * static_cast<int>(row[j / bits_per_word] >> (j % bits_per_word) & 1));
}

template <class T>
void pack_negative(std::span<const T> numbers, Word* row) {
  const auto n = static_cast<Index>(numbers.size());
  for (Index begin = 0; begin < n; begin += bits_per_word) {
    Word word = 0;
    for (Index j = begin; j < std::min(begin + bits_per_word, n); ++j)
      word |= static_cast<Word>(numbers[static_cast<std::size_t>(j)] < 0) << (j - begin);
    *row++ = word;
  }
}

void add_signs(const Word* row, double factor, std::span<double> sum) {
  double* out = sum.data();
  for (std::size_t byte = 0; byte < sum.size() / 8; ++byte, out += 8) {
    const auto& signs = signs_of_bytes[row[byte / 8] >> (8 * (byte % 8)) & 0xff];
    for (std::size_t j = 0; j < 8; ++j) out[j] += factor * signs[j];
  }
}

template void unpack_signs(const Word*, Index, float*);
template void unpack_signs(const Word*, Index, double*);
template void pack_negative(std::span<const float>, Word*);
template void pack_negative(std::span<const double>, Word*);

}  // namespace breakeven
