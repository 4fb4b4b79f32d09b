#include "numerics/sign_projection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace breakeven {
namespace {

using Codes = std::vector<std::uint8_t>;

Codes encoded(const std::vector<double>& rows, Index columns, Index n_bits, std::uint64_t seed = 1) {
  Codes codes(rows.size() / static_cast<std::size_t>(columns) * static_cast<std::size_t>((n_bits + 7) / 8), 0xff);
  SignProjection(columns, n_bits, seed).encode(rows, codes);
  return codes;
}

/// Bits in which row i and row j differ.
Index distance(const Codes& codes, std::size_t row_bytes, std::size_t i, std::size_t j) {
  Index differing = 0;
  for (std::size_t k = 0; k < row_bytes; ++k)
    differing += std::popcount(static_cast<unsigned>(codes[i * row_bytes + k] ^ codes[j * row_bytes + k]));
  return differing;
}

std::vector<double> normals(Index rows, Index columns) {
  const Philox random(3, Stream{1});
  std::vector<double> x;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) x.push_back(random.normal(i, j));
  return x;
}

TEST(SignProjection, DiffersInAShareOfTheBitsThatIsTheAngleOverPi) {
  constexpr Index columns = 50, n_bits = 20'000;
  for (const double angle : {0.0, 0.1, 1.0, std::numbers::pi / 2, 3.0, std::numbers::pi}) {
    std::vector<double> rows(2 * columns);
    rows[3] = 1;
    rows[columns + 3] = 7 * std::cos(angle);
    rows[columns + 20] = 7 * std::sin(angle);
    const double share = angle / std::numbers::pi;
    const double five_sigma = 5 * std::sqrt(share * (1 - share) / n_bits);  // bits are independent
    const Codes codes = encoded(rows, columns, n_bits);
    EXPECT_NEAR(static_cast<double>(distance(codes, n_bits / 8, 0, 1)) / n_bits, share, five_sigma + 1e-12) << angle;
  }
}

TEST(SignProjection, IsTheSameWhateverTheScaleOfARowAndWhoStandsBesideIt) {
  constexpr Index columns = 33, n_bits = 77;
  const std::vector<double> rows = normals(600, columns);  // several panels, the last one not full
  const Codes together = encoded(rows, columns, n_bits);
  for (const Index i : {0, 255, 256, 599}) {
    std::vector<double> alone(rows.begin() + i * columns, rows.begin() + (i + 1) * columns);
    for (double& entry : alone) entry *= 0x1p-900;
    const Codes code = encoded(alone, columns, n_bits);
    EXPECT_TRUE(std::equal(code.begin(), code.end(), together.begin() + i * 10)) << i;
  }
}

/// Unit rows make the projections the normals themselves; the bits are then known one by one.
TEST(SignProjection, PutsTheSignOfEveryProjectionInItsBit) {
  constexpr Index columns = 9, n_bits = 19;
  std::vector<double> rows(columns * columns);
  for (Index i = 0; i < columns; ++i) rows[static_cast<std::size_t>(i * columns + i)] = -2.5;
  const Codes codes = encoded(rows, columns, n_bits, 4);
  const Philox random(4, Stream{500});
  for (Index i = 0; i < columns; ++i)
    for (Index b = 0; b < 24; ++b) {
      const bool negative = b < n_bits && -random.normal(i, b) < 0;
      EXPECT_EQ((codes[static_cast<std::size_t>(i * 3 + b / 8)] >> (b % 8)) & 1, negative ? 1 : 0) << i << ' ' << b;
    }
}

/// Rows at right angles to a normal vector by construction, x = (g_1, -g_0, g_3, -g_2, ...): their sum is exactly zero,
/// whose sign is +; a sum that rounds misses it by chance on either side.
TEST(SignProjection, AddsUpExactly) {
  constexpr Index columns = 1000, n_bits = 64;
  const Philox random(1, Stream{500});
  const auto normal = [&](Index c, Index b) { return std::nearbyint(random.normal(c, b) * 0x1p16); };
  std::vector<double> rows;
  for (Index b = 0; b < n_bits; ++b)
    for (Index c = 0; c < columns; c += 2) rows.insert(rows.end(), {normal(c + 1, b), -normal(c, b)});
  const Codes codes = encoded(rows, columns, n_bits);
  for (Index b = 0; b < n_bits; ++b) EXPECT_EQ((codes[static_cast<std::size_t>(b * 8 + b / 8)] >> (b % 8)) & 1, 0) << b;
}

TEST(SignProjection, GivesRowsOfZerosTheCodeOfZeros) {
  EXPECT_THAT(encoded(std::vector<double>(2 * 5), 5, 12), ::testing::Each(0));
}

TEST(SignProjection, RefusesSizesItCannotHold) {
  const auto why = [](Index columns, Index n_bits) -> std::string {
    try {
      SignProjection(columns, n_bits, 1);
    } catch (const BadRequest& refused) {
      return refused.what();
    }
    return "";
  };
  EXPECT_EQ(why(5, 0), "signs must be at least 1, got 0");
  EXPECT_EQ(why(65537, 1), "signs needs rows of 1 to 65536 entries, got 65537");
  EXPECT_EQ(why(65536, 2049), "signs must be at most 2048 for rows of 65536 entries, got 2049");
}

}  // namespace
}  // namespace breakeven
