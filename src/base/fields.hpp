#pragma once

#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/value.hpp"

namespace breakeven {

/// One member of a parameter struct, declared once: it becomes the option, its help, and the HDF5 column.
template <class Struct, class Type>
struct Field {
  std::string_view name;  ///< option name, e.g. "d-value"; the column is d_value
  Type Struct::*member;
  std::string_view help;
  std::string_view unit = "1";
  std::array<std::string_view, 6> choices{};  ///< the words a text option takes; none: any text
};
template <class Struct, class Type>
Field(std::string_view, Type Struct::*, std::string_view) -> Field<Struct, Type>;
template <class Struct, class Type>
Field(std::string_view, Type Struct::*, std::string_view, std::string_view) -> Field<Struct, Type>;
template <class Struct, class Type>
Field(std::string_view, Type Struct::*, std::string_view, std::string_view, std::array<std::string_view, 6>)
    -> Field<Struct, Type>;

/// A struct whose static fields() returns a tuple of Field.
template <class Struct>
concept Described = std::is_default_constructible_v<Struct> && requires {
  Struct::fields();
};

/// A field without its type, for parsers, help pages and tables.
struct FieldInfo {
  std::string name;
  std::string help;
  std::string unit;
  Value default_value;
  std::vector<std::string> choices;
};

template <class Struct, class Type>
FieldInfo info(const Field<Struct, Type>& field) {
  FieldInfo result{
      std::string(field.name), std::string(field.help), std::string(field.unit), Value(Struct{}.*(field.member)), {}};
  for (const std::string_view choice : field.choices)
    if (!choice.empty()) result.choices.emplace_back(choice);
  return result;
}

template <Described Struct>
std::vector<FieldInfo> describe() {
  return std::apply([](const auto&... field) { return std::vector<FieldInfo>{info(field)...}; }, Struct::fields());
}

/// Every field of `values` as a named column, in the order of fields().
template <Described Struct>
Values to_values(const Struct& values) {
  Values named;
  std::apply(
      [&](const auto&... field) {
        (named.push_back({column_name(field.name), Value(values.*(field.member)), std::string(field.unit),
                          std::string(field.help)}),
         ...);
      },
      Struct::fields());
  return named;
}

/// Option name and value, as a sweep hands them out.
using Assignment = std::vector<std::pair<std::string, Value>>;

/// A struct with the assigned fields set. Names it does not declare are ignored: a sweep serves several structs.
template <Described Struct>
Struct from_assignment(const Assignment& assignment) {
  Struct result{};
  const auto assign = [&](const auto& field) {
    for (const auto& [name, value] : assignment)
      if (name == field.name) result.*(field.member) = std::get<std::decay_t<decltype(result.*(field.member))>>(value);
  };
  std::apply([&](const auto&... field) { (assign(field), ...); }, Struct::fields());
  return result;
}

/// The struct of a problem or method that has nothing to declare.
struct NoFields {
  static constexpr auto fields() { return std::tuple<>{}; }
};

}  // namespace breakeven
