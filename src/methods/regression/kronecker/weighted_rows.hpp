#pragma once

#include <vector>

#include "base/array.hpp"

namespace breakeven::regression {

/// Rows of one factor that stand for all of it: the Gram matrix of `rows` is near that of the factor. On all ranks.
struct WeightedRows {
  Array<double> rows;           ///< k x d, each times its weight
  std::vector<double> weights;  ///< k
  std::vector<Index> indices;   ///< k: global row of the factor
  Array<double> whitener;       ///< d x d: rows times it have a Gram matrix near the identity

  WeightedRows() = default;
  WeightedRows(Index k, Index d)
      : rows(1, k, d), weights(static_cast<std::size_t>(k)), indices(static_cast<std::size_t>(k)), whitener(1, d, d) {}
  static Index bytes(Index k, Index d) { return (k * (d + 2) + d * d) * static_cast<Index>(sizeof(double)); }
};

}  // namespace breakeven::regression
