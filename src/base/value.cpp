#include "base/value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace breakeven {
namespace {

std::string shortest(double number) {
  if (std::isnan(number)) return "";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char buffer[40];
  const auto end = std::to_chars(std::begin(buffer), std::end(buffer), number).ptr;
  return {buffer, end};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string to_text(const Value& value) {
  if (is_unknown(value)) return "";
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<Index>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return shortest(*number);
  return std::get<std::string>(value);
}

std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::size_t cut = std::min(text.size(), longest);
  while (cut > 0 && cut < text.size() && (text[cut] & 0xc0) == 0x80) --cut;  // between characters of UTF-8
  return "'" + printable(std::string(text.substr(0, cut))) + (cut < text.size() ? "...'" : "'");
}

std::string to_text(const Values& values) {
  std::string text;
  for (const NamedValue& entry : values)
    if (const std::string value = to_text(entry.value); !value.empty())
      text += (text.empty() ? "" : " ") + entry.name + "=" + value;
  return text;
}

const Value* find(const Values& values, std::string_view name) {
  for (const NamedValue& entry : values)
    if (entry.name == name) return &entry.value;
  return nullptr;
}

bool is_unknown(const Value& value) {
  if (const auto* integer = std::get_if<Index>(&value)) return *integer == unknown_index;
  if (const auto* number = std::get_if<double>(&value)) return std::isnan(*number);
  return false;
}

std::string column_name(std::string_view option) {
  std::string name(option);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

}  // namespace breakeven
