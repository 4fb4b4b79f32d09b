#pragma once

#include <cstdint>
#include <span>

#include "base/array.hpp"
#include "numerics/strassen.hpp"

namespace breakeven {

/// C = U V' of whole numbers, exactly, from panels of columns of U and V: float BLAS while every sum stays below 2^24,
/// where float counts exactly, added up in 32-bit integers; or Strassen's recursion in float64, whose intermediate
/// numbers are larger.
///
///   start(rows, columns); for each panel: fill u() and v(), add(depth); finish() gives C, row-major
///
/// Local. Memory: bytes(). Errors: none; |entries| at most `largest`, depths at most depth(), |C| below 2^31.
class IntegerProduct {
 public:
  /// For at most `rows` x `columns`, `levels` of Strassen's recursion (0: none, BLAS alone).
  IntegerProduct(Index rows, Index columns, Index largest, Index levels);

  void start(Index rows, Index columns);
  float* u() { return u_.data(); }  ///< rows x the panel's depth
  float* v() { return v_.data(); }  ///< columns x the panel's depth
  void add(Index depth);
  std::span<const std::int32_t> finish();

  Index depth() const { return depth_; }  ///< the most columns of a panel
  /// The longest panel with which every intermediate number is exact, a multiple of 2^levels.
  static Index panel_depth(Index largest, Index levels);
  /// Multiplications of a product of that shape, all panels.
  static Index multiplications(const ProductShape&, Index largest, Index levels);
  static Index bytes(Index rows, Index columns, Index largest, Index levels);

 private:
  void add_by_blas(Index depth);
  void add_by_strassen(Index depth);
  void flush();

  Index largest_, levels_, depth_;
  Index rows_ = 0, columns_ = 0;
  Index pending_ = 0;  ///< depth of what lies in sums_ and not yet in c_
  AlignedVector<float> u_, v_, sums_;
  AlignedVector<double> wide_u_, wide_v_, wide_sums_, work_;  ///< Strassen's, padded with zeros to multiples
  AlignedVector<std::int32_t> c_;
};

}  // namespace breakeven
