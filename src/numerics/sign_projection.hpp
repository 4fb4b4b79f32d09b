#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/array.hpp"
#include "base/index.hpp"

namespace breakeven {

/// Sign codes of rows by random projection: bit b of a row x is 1 where <g_b, x> < 0; the g_b are independent vectors
/// of standard normals, drawn by Philox. Two rows at an angle theta differ in each bit with probability theta / pi,
/// whatever the other bits are, so a code of d bits estimates the angle.
///
/// The same codes on every machine: normals are rounded to multiples of 2^-16 and each row, after division by a power
/// of two, to so many bits that its products with them add up exactly in float64, whatever the order. Rounding moves a
/// projection by about 2^-17 sqrt(columns) of its size; signs that change were drawn by a hair.
/// Shapes: rows n x columns, codes n x ceil(n_bits / 8) bytes; bit b is bit b % 8 of byte b / 8, padding bits are zero.
/// Local. Cost: 2 n columns n_bits flops; 8 columns n_bits bytes. Errors: BadRequest for fewer than 1 bit, more than
/// 2^16 columns, or more than 2^27 normals. Entries must be finite.
/// Source: Goemans and Williamson (1995), the angle; Charikar (2002), the codes. The rounding is ours.
class SignProjection {
 public:
  SignProjection(Index columns, Index n_bits, std::uint64_t seed);
  void encode(std::span<const double> rows, std::span<std::uint8_t> codes);

 private:
  void quantise(std::span<const double> row, double* out) const;

  Index columns_, n_bits_;
  int row_bits_;                             ///< of an entry of a row, sign aside
  AlignedVector<double> normals_;            ///< columns x n_bits, whole numbers
  AlignedVector<double> panel_, projected_;  ///< rows of one panel, quantised; their projections
};

}  // namespace breakeven
