#include "base/sweep.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.hpp"

namespace breakeven {
namespace {

// A range with a slip in it must end in a message, not in swap.
constexpr std::size_t most_values = 100'000;
constexpr double most_combinations = 1e6;

struct Suffix {
  std::string_view text;
  double factor;
};
constexpr std::array suffixes{Suffix{"Ki", 0x1p10}, Suffix{"Mi", 0x1p20}, Suffix{"Gi", 0x1p30},
                              Suffix{"k", 1e3},     Suffix{"M", 1e6},     Suffix{"G", 1e9}};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

[[noreturn]] void reject(std::string_view option, std::string_view item, std::string_view expected) {
  throw BadRequest(std::string(option) + " must be " + std::string(expected) + ", got " + in_quotes(item));
}

/// begin..end*factor or begin..end+step
std::vector<double> expand_range(std::string_view item, std::size_t dots, std::string_view option) {
  const std::string_view tail = item.substr(dots + 2);
  const auto sign = tail.find_first_of("*+", 1);  // from 1: a leading sign belongs to the number
  if (sign == std::string_view::npos) reject(option, item, "a range written a..b*factor or a..b+step");
  const double begin = parse_number(item.substr(0, dots), option);
  const double end = parse_number(tail.substr(0, sign), option);
  const double step = parse_number(tail.substr(sign + 1), option);
  const bool geometric = tail[sign] == '*';
  if (geometric ? (step <= 1 || begin <= 0) : step <= 0)
    reject(option, item, "a range that grows: factor above 1 from a positive start, or a positive step");
  std::vector<double> values;
  const double slack = geometric ? end * (1 + 1e-12) : end + 1e-9 * step;  // 0.1..0.5+0.1 ends with 0.5
  for (std::size_t i = 0;; ++i) {
    const double value =
        geometric ? begin * std::pow(step, static_cast<double>(i)) : begin + static_cast<double>(i) * step;
    if (value > slack || !std::isfinite(value)) return values;
    if (i == most_values) reject(option, item, "a range of at most 100000 values");
    values.push_back(value);
  }
}

Value to_value(double number, std::string_view item, const FieldInfo& field) {
  if (std::holds_alternative<double>(field.default_value)) return number;
  if (number != std::floor(number) || std::abs(number) > 0x1p62) reject(field.name, item, "a whole number");
  if (number < 0) reject(field.name, item, "a whole number of at least 0");  // -1 means "not given" further on
  return static_cast<Index>(number);
}

Value to_flag(std::string_view item, const FieldInfo& field) {
  if (item == "true" || item == "1" || item == "yes" || item == "on") return true;
  if (item == "false" || item == "0" || item == "no" || item == "off") return false;
  reject(field.name, item, "true or false");
}

Value to_word(std::string_view item, const FieldInfo& field) {
  const std::string word(item);
  if (!field.choices.empty() && std::find(field.choices.begin(), field.choices.end(), word) == field.choices.end()) {
    std::string expected = "one of";
    for (const std::string& choice : field.choices) expected += " " + choice;
    const std::string near = did_you_mean(word, field.choices);
    throw BadRequest(field.name + " must be " + expected + ", got " + in_quotes(word) +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  return word;
}

}  // namespace

double parse_number(std::string_view text, std::string_view option) {
  std::string_view digits = text;
  double factor = 1;
  for (const Suffix& suffix : suffixes) {
    if (digits.ends_with(suffix.text)) {
      factor = suffix.factor;
      digits.remove_suffix(suffix.text.size());
      break;
    }
  }
  double number = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  number *= factor;  // 1e308k is beyond float64 only now
  if (digits.empty() || status != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(number))
    reject(option, text, "a number (suffixes k, M, G, Ki, Mi, Gi)");
  return number;
}

Index parse_index(std::string_view text, std::string_view option) {
  const double number = parse_number(text, option);
  if (number != std::floor(number) || std::abs(number) > 0x1p62) reject(option, text, "a whole number");
  return static_cast<Index>(number);
}

std::vector<Value> expand_list(std::string_view text, const FieldInfo& field) {
  std::vector<Value> values;
  std::set<Value> seen;
  const auto add = [&](const Value& value) {
    if (!seen.insert(value).second) return;
    if (values.size() == most_values) reject(field.name, text, "a list of at most 100000 values");
    values.push_back(value);
  };
  for (const std::string_view item : split(text, ',')) {
    if (item.empty()) reject(field.name, text, "a list without empty items");
    const auto dots = item.find("..");
    if (std::holds_alternative<std::string>(field.default_value)) {
      add(to_word(item, field));
    } else if (std::holds_alternative<bool>(field.default_value)) {
      add(to_flag(item, field));
    } else if (dots != std::string_view::npos) {
      for (const double number : expand_range(item, dots, field.name)) add(to_value(number, item, field));
    } else {
      add(to_value(parse_number(item, field.name), item, field));
    }
  }
  if (values.empty()) reject(field.name, text, "a list of at least one value");
  return values;
}

std::vector<Assignment> product(const std::vector<Axis>& axes) {
  double count = 1;
  for (const Axis& axis : axes) count *= static_cast<double>(axis.values.size());
  if (count > most_combinations)
    throw BadRequest("the sweep has more than 1000000 combinations; is there a slip in a range?");
  std::vector<Assignment> combinations{{}};
  for (const Axis& axis : axes) {
    std::vector<Assignment> longer;
    for (const Assignment& shorter : combinations) {
      for (const Value& value : axis.values) {
        longer.push_back(shorter);
        longer.back().emplace_back(axis.name, value);
      }
    }
    combinations = std::move(longer);
  }
  return combinations;
}

}  // namespace breakeven
