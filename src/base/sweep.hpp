#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fields.hpp"
#include "base/value.hpp"

namespace breakeven {

/// One option with all the values it takes; a sweep is the product of its axes.
struct Axis {
  std::string name;
  std::vector<Value> values;
};

/// The values of a list `a,b,c` and of ranges `a..b*2` or `a..b+c`; suffixes k, M, G (1000) and Ki, Mi, Gi (1024).
/// Duplicates are dropped, order is kept. Text values are taken as they stand and checked against the choices.
/// Throws BadRequest that names the option and the offending item; also for more than 100,000 values.
std::vector<Value> expand_list(std::string_view text, const FieldInfo& field);

/// One number with an optional suffix; throws BadRequest.
double parse_number(std::string_view text, std::string_view option);
Index parse_index(std::string_view text, std::string_view option);

/// Every combination of the axes, the last axis fastest. No axes: one empty assignment. Throws BadRequest for more than
/// a million.
std::vector<Assignment> product(const std::vector<Axis>& axes);

}  // namespace breakeven
