#include "numerics/sign_projection.hpp"

#include <cblas.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace breakeven {
namespace {

constexpr Stream normals_stream{500};
constexpr Index panel_rows = 256, most_columns = 1 << 16, most_normals = 1 << 27;
constexpr int fraction_bits = 16;
constexpr int normal_bits =
    fraction_bits + 4;  // a normal of 53 random bits stays below sqrt(2 * 53 * ln 2) = 8.6 < 2^4
constexpr int exact_bits = 53;

int as_int(Index value) {
  return static_cast<int>(value);
}

}  // namespace

SignProjection::SignProjection(Index columns, Index n_bits, std::uint64_t seed) : columns_(columns), n_bits_(n_bits) {
  if (n_bits < 1) throw BadRequest("signs must be at least 1, got " + std::to_string(n_bits));
  if (columns < 1 || columns > most_columns)
    throw BadRequest("signs needs rows of 1 to " + std::to_string(most_columns) + " entries, got " +
                     std::to_string(columns));
  if (n_bits > most_normals / columns)
    throw BadRequest("signs must be at most " + std::to_string(most_normals / columns) + " for rows of " +
                     std::to_string(columns) + " entries, got " + std::to_string(n_bits));
  // columns products, each below 2^(row_bits + normal_bits), add up to less than 2^53
  row_bits_ = exact_bits - normal_bits - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(columns)));
  normals_.resize(static_cast<std::size_t>(columns * n_bits));
  const Philox random(seed, normals_stream);
  for (Index c = 0; c < columns; ++c)
    for (Index b = 0; b < n_bits; ++b)
      normals_[static_cast<std::size_t>(c * n_bits + b)] =
          std::nearbyint(std::ldexp(random.normal(c, b), fraction_bits));
  panel_.resize(static_cast<std::size_t>(panel_rows * columns));
  projected_.resize(static_cast<std::size_t>(panel_rows * n_bits));
}

void SignProjection::quantise(std::span<const double> row, double* out) const {
  double largest = 0;
  for (const double entry : row) largest = std::max(largest, std::abs(entry));
  int exponent = 0;
  std::frexp(largest, &exponent);  // largest < 2^exponent
  for (const double entry : row) *out++ = std::nearbyint(std::ldexp(entry, row_bits_ - exponent));
}

void SignProjection::encode(std::span<const double> rows, std::span<std::uint8_t> codes) {
  const auto columns = static_cast<std::size_t>(columns_), n_bits = static_cast<std::size_t>(n_bits_);
  const std::size_t n_rows = rows.size() / columns, code_bytes = (n_bits + 7) / 8;
  std::fill(codes.begin(), codes.end(), std::uint8_t{0});
  for (std::size_t begin = 0; begin < n_rows; begin += static_cast<std::size_t>(panel_rows)) {
    const std::size_t count = std::min(n_rows - begin, static_cast<std::size_t>(panel_rows));
    for (std::size_t i = 0; i < count; ++i)
      quantise(rows.subspan((begin + i) * columns, columns), panel_.data() + i * columns);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(count), as_int(n_bits_), as_int(columns_),
                1, panel_.data(), as_int(columns_), normals_.data(), as_int(n_bits_), 0, projected_.data(),
                as_int(n_bits_));
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t b = 0; b < n_bits; ++b)
        if (projected_[i * n_bits + b] < 0)
          codes[(begin + i) * code_bytes + b / 8] |= static_cast<std::uint8_t>(1u << (b % 8));
  }
}

}  // namespace breakeven
