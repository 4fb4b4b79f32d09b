#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// One cell of a table: a factor, a count, a quality. Unknown is NaN, or `unknown_index`, or "".
using Value = std::variant<bool, Index, double, std::string>;

/// The stored form of an unknown integer; HDF5 columns carry it as `_FillValue`.
inline constexpr Index unknown_index = -1;

/// A value with the name, unit and meaning it is stored and shown under.
struct NamedValue {
  std::string name;  ///< snake_case: the HDF5 column and JSON key
  Value value;
  std::string unit;  ///< "1" for a plain number, "s", "byte"; empty for text and flags
  std::string help;  ///< one line; becomes `long_name`
};
using Values = std::vector<NamedValue>;

/// Shortest text that reads back as the same value; "" for an unknown one.
std::string to_text(const Value& value);

/// The text with a question mark for each control character: names from files must not steer a terminal.
std::string printable(std::string text);

/// What a message quotes from a file or a command: in quotes, printable, its beginning if it is long.
std::string in_quotes(std::string_view text);

/// "name=value name=value", unknown values left out.
std::string to_text(const Values& values);

/// The value of that name, or nullptr.
const Value* find(const Values& values, std::string_view name);
bool is_unknown(const Value& value);

/// Option names are written d-value, their columns d_value.
std::string column_name(std::string_view option);

/// The candidate nearest to `word` by edit distance if it is near enough to be a likely typing slip, else "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace breakeven
