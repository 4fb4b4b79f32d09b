#include "harness/record.hpp"

#include <limits>

#include "base/error.hpp"

namespace breakeven {

const Value* Record::find(std::string_view column) const {
  for (const Column& candidate : columns)
    if (candidate.name == column) return &candidate.value;
  return nullptr;
}

double Record::number(std::string_view column) const {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  const Value* value = find(column);
  if (value == nullptr || is_unknown(*value)) return unknown;
  if (const auto* flag = std::get_if<bool>(value)) return *flag ? 1 : 0;
  if (const auto* integer = std::get_if<Index>(value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(value)) return *number;
  return unknown;
}

Index Record::index(std::string_view column) const {
  const Value* value = find(column);
  const auto* integer = value == nullptr ? nullptr : std::get_if<Index>(value);
  return integer == nullptr ? unknown_index : *integer;
}

std::string Record::text(std::string_view column) const {
  const Value* value = find(column);
  return value == nullptr ? "" : to_text(*value);
}

bool Record::flag(std::string_view column) const {
  return number(column) == 1;
}

void Record::set(std::string_view column, Value value) {
  for (Column& candidate : columns)
    if (candidate.name == column) {
      candidate.value = std::move(value);
      return;
    }
  throw Failure("no column " + std::string(column));
}

}  // namespace breakeven
