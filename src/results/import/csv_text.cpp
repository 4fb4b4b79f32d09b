#include "results/import/csv_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/sweep.hpp"
#include "base/value.hpp"

namespace breakeven {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 24;
constexpr std::size_t most_fields = std::size_t{1} << 20;
constexpr std::array<std::pair<std::string_view, char>, 4> separator_words{
    {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"blank", blanks}}};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// One number from 1, or two with .. between them.
std::optional<Range> number_range(std::string_view item) {
  const std::size_t dots = item.find("..");
  const auto whole_number = [](std::string_view text) {
    Index number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    return status == std::errc() && end == text.data() + text.size() ? number : 0;
  };
  const Index first = whole_number(item.substr(0, dots));
  const Index last = dots == std::string_view::npos ? first : whole_number(item.substr(dots + 2));
  if (first < 1 || last < first) return std::nullopt;
  return Range{first - 1, last};
}

}  // namespace

bool LineReader::next(std::string& line) {
  line.clear();
  for (bool some = false;; some = true) {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = bytes_.read(block_);
      if (end_ == 0 && !some) return false;
    }
    const auto first = block_.begin() + static_cast<std::ptrdiff_t>(begin_);
    const auto last = block_.begin() + static_cast<std::ptrdiff_t>(end_);
    const auto newline = std::find(first, last, '\n');
    line.append(first, newline);
    begin_ = static_cast<std::size_t>(newline - block_.begin());
    if (line.size() > longest_line)
      bytes_.reject("line " + std::to_string(number_ + 1) + " has more than 16 MiB; is this a text file?");
    if (newline != last) ++begin_;
    if (newline != last || end_ == 0) break;
  }
  if (line.ends_with('\r')) line.pop_back();
  if (++number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  return true;
}

std::string split_fields(std::string_view line, char separator, std::vector<std::string_view>& fields) {
  fields.clear();
  const auto is_padding = [&](char c) { return is_blank(c) && (c != separator || separator == blanks); };
  const auto is_separator = [&](char c) { return separator == blanks ? is_blank(c) : c == separator; };
  std::size_t at = 0;
  const auto skip_padding = [&] {
    while (at < line.size() && is_padding(line[at])) ++at;
  };
  for (skip_padding();; skip_padding()) {
    if (separator == blanks && at == line.size() && !fields.empty()) return "";
    if (fields.size() == most_fields) return "it has more than " + std::to_string(most_fields) + " fields";
    const std::size_t begin = at;
    if (at < line.size() && line[at] == '"') {
      std::size_t close = line.find('"', at + 1);
      while (close != std::string_view::npos && line.substr(close).starts_with("\"\""))
        close = line.find('"', close + 2);
      if (close == std::string_view::npos)
        return "field " + std::to_string(fields.size() + 1) + " has no closing quote";
      fields.push_back(line.substr(begin + 1, close - begin - 1));
      at = close + 1;
      if (at < line.size() && !is_padding(line[at]) && !is_separator(line[at]))
        return "field " + std::to_string(fields.size()) + " goes on behind its closing quote";
    } else {
      while (at < line.size() && !is_separator(line[at])) ++at;
      std::size_t end = at;
      while (end > begin && is_padding(line[end - 1])) --end;
      fields.push_back(line.substr(begin, end - begin));
    }
    skip_padding();
    if (separator == blanks) continue;
    if (at == line.size()) return "";
    if (line[at] != separator) return "field " + std::to_string(fields.size()) + " goes on behind its closing quote";
    ++at;
  }
}

char likely_separator(std::string_view line) {
  for (const char candidate : {'\t', ';', ','})
    if (line.find(candidate) != std::string_view::npos) return candidate;
  return blanks;
}

char separator_of(const std::string& text) {
  for (const auto& [word, separator] : separator_words)
    if (text == word) return separator;
  const std::string_view part_of_numbers = "+-.\"\r\n";
  const bool usable = text.size() == 1 && std::isalnum(static_cast<unsigned char>(text[0])) == 0 &&
                      static_cast<unsigned char>(text[0]) < 0x80 &&
                      part_of_numbers.find(text[0]) == std::string_view::npos;
  if (!usable)
    throw BadRequest(
        "separator must be auto, comma, semicolon, tab, blank or one character that is no part of a number, "
        "got " +
        in_quotes(text));
  return text[0];
}

std::string separator_name(char separator) {
  for (const auto& [word, known] : separator_words)
    if (separator == known) return std::string(word);
  return {separator};
}

std::optional<double> number_in(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || status == std::errc::invalid_argument) return std::nullopt;
  if (status == std::errc::result_out_of_range) return std::numeric_limits<double>::infinity();
  return number;
}

std::vector<std::size_t> chosen_columns(const std::string& columns, const std::vector<std::string>& header,
                                        std::size_t fields) {
  std::vector<bool> taken(fields, false);
  std::vector<std::size_t> chosen;
  const auto choose = [&](std::size_t column) {
    if (taken[column])
      throw BadRequest("columns must name each column once, got number " + std::to_string(column + 1) + " twice");
    taken[column] = true;
    chosen.push_back(column);
  };
  const auto choose_item = [&](std::string_view item) {
    const auto named = std::find(header.begin(), header.end(), item);
    if (named != header.end()) {
      if (std::find(named + 1, header.end(), item) != header.end())
        throw BadRequest("columns: the header names several columns " + in_quotes(item) + "; give their numbers");
      return choose(static_cast<std::size_t>(named - header.begin()));
    }
    const std::optional<Range> numbers = number_range(item);
    if (!numbers || numbers->end > static_cast<Index>(fields)) {
      const std::string near = did_you_mean(item, header);
      throw BadRequest("columns must be numbers from 1 to " + std::to_string(fields) + ", ranges a..b" +
                       (header.empty() ? "" : ", or names of the header") + ", got " + in_quotes(item) +
                       (near.empty() ? "" : "; did you mean " + in_quotes(near) + "?"));
    }
    for (Index i = numbers->begin; i < numbers->end; ++i) choose(static_cast<std::size_t>(i));
  };
  if (columns.empty()) {
    for (std::size_t i = 0; i < fields; ++i) choose(i);
    return chosen;
  }
  for (std::size_t begin = 0; begin <= columns.size();) {
    const std::size_t end = std::min(columns.find(',', begin), columns.size());
    choose_item(std::string_view(columns).substr(begin, end - begin));
    begin = end + 1;
  }
  return chosen;
}

}  // namespace breakeven
