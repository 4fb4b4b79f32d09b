#pragma once

#include <string>
#include <vector>

#include "analysis/selection.hpp"
#include "harness/record.hpp"

namespace breakeven {

/// A count of a method (queries, iterations, rows kept) at one size.
struct CountPoint {
  Index n = 0;  ///< value of the curve's factor (selection.hpp)
  double value = 0;
};

/// How a count of one method in one setting grows over the sizes of a curve: value ~ n^slope.
struct CountCurve {
  std::string task;                ///< Abscissae::curve(record)
  std::string series;              ///< Labels::series(record)
  std::string count;               ///< the column
  std::string help;                ///< what it says
  std::vector<CountPoint> points;  ///< ascending n
  /// Least-squares line through (log n, log value) and the standard error of its slope; NaN below three sizes.
  double slope = 0, slope_error = 0;
};

/// All counts that take more than one value on their curve, at two or more sizes. Failed cases are left out; untimed
/// ones are not: a count needs no time. Pure.
std::vector<CountCurve> count_curves(const Study& study);

}  // namespace breakeven
