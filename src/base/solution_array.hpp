#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// A value that no method may be given, found while data are loaded.
struct BadValue {
  Index position = 0;   ///< orders findings: the lowest over all ranks is reported
  std::string message;  ///< names dataset, index and value
};

/// One array of a solution, spread over the ranks by rows.
struct SolutionArray {
  std::string name;
  std::vector<Index> shape;   ///< global: leading dimensions (the slices), rows, columns; equal on all ranks
  std::vector<Range> ranges;  ///< the global rows this rank holds, in the order it holds them
  /// [slice][row in the order of `ranges`][column]
  std::variant<std::span<const float>, std::span<const double>, std::span<const Index>> values;
};

}  // namespace breakeven
