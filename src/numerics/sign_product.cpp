#include "numerics/sign_product.hpp"

#include <cblas.h>

#include <algorithm>

namespace breakeven {
namespace {

// Tiles large enough that the product's own packing pays, and of few enough coordinates that they stay small.
constexpr Index tile_rows = 512, tile_columns = 1024, tile_bits = 2048;

/// Coordinates [first, first + count) of some rows as numbers, row-major.
void unpack(BitView rows, Index first, Index count, float* out) {
  for (Index i = 0; i < rows.n_rows; ++i) {
    const Word* const row = rows.row(i);
    for (Index k = 0; k < count; k += bits_per_word) {
      const Word word = row[(first + k) / bits_per_word];
      const Index bits = std::min(bits_per_word, count - k);
      for (Index bit = 0; bit < bits; ++bit) *out++ = 1 - 2 * static_cast<float>(word >> bit & 1);
    }
  }
}

}  // namespace

SignProduct::SignProduct(Index n_bits)
    : n_bits_(n_bits),
      a_(static_cast<std::size_t>(tile_rows * std::min(n_bits, tile_bits))),
      b_(static_cast<std::size_t>(tile_columns * std::min(n_bits, tile_bits))),
      products_(static_cast<std::size_t>(tile_rows * tile_columns)) {}

Index SignProduct::bytes(Index n_bits) {
  return ((tile_rows + tile_columns) * std::min(n_bits, tile_bits) + tile_rows * tile_columns) *
         static_cast<Index>(sizeof(float));
}

void SignProduct::multiply(BitView a, BitView b) {
  for (Index first = 0; first < n_bits_; first += tile_bits) {
    const Index bits = std::min(tile_bits, n_bits_ - first);
    unpack(a, first, bits, a_.data());
    unpack(b, first, bits, b_.data());
    const int inner = static_cast<int>(bits);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(a.n_rows), static_cast<int>(b.n_rows), inner,
                1, a_.data(), inner, b_.data(), inner, first == 0 ? 0.0f : 1.0f, products_.data(),
                static_cast<int>(tile_columns));
  }
}

void SignProduct::scan_tiles(BitView a, BitView b, bool triangle, Index radius, const PairSink& sink) {
  const auto least = static_cast<float>(n_bits_ - 2 * radius);
  for (Index first_b = 0; first_b < b.n_rows; first_b += tile_columns) {
    const BitView some_b = b.rows(first_b, std::min(tile_columns, b.n_rows - first_b));
    const Index end_a = triangle ? std::min(a.n_rows, first_b + some_b.n_rows) : a.n_rows;
    for (Index first_a = 0; first_a < end_a; first_a += tile_rows) {
      const BitView some_a = a.rows(first_a, std::min(tile_rows, a.n_rows - first_a));
      multiply(some_a, some_b);
      found_.clear();
      for (Index r = 0; r < some_a.n_rows; ++r) {
        const float* const products = products_.data() + r * tile_columns;
        if (*std::max_element(products, products + some_b.n_rows) < least) continue;
        const Index i = first_a + r;
        for (Index c = triangle ? std::max<Index>(0, i + 1 - first_b) : 0; c < some_b.n_rows; ++c)
          if (products[c] >= least) found_.push_back({i, first_b + c, (n_bits_ - static_cast<Index>(products[c])) / 2});
      }
      if (!found_.empty() && !sink(found_)) return;
    }
  }
}

void SignProduct::scan(BitView a, BitView b, Index radius, const PairSink& sink) {
  scan_tiles(a, b, false, radius, sink);
}

void SignProduct::scan_triangle(BitView a, Index radius, const PairSink& sink) {
  scan_tiles(a, a, true, radius, sink);
}

}  // namespace breakeven
