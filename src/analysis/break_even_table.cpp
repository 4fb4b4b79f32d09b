#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "analysis/break_even.hpp"
#include "analysis/facts.hpp"
#include "analysis/selection.hpp"
#include "base/value.hpp"

namespace breakeven {
namespace {

constexpr std::size_t page_width = 100;
constexpr std::size_t n_columns = 9;
using Row = std::array<std::string, n_columns>;
constexpr std::size_t method_column = 0, data_column = 1, break_even_column = 5;
const Row column_names{"method", "data", "d", "dtype", "ranks", "break-even n", "verdict", "error", "speed-up"};
constexpr std::array<bool, n_columns> right_aligned{false, false, true, false, true, false, false, true, true};

std::size_t width_of(const std::string& text) {  // characters of UTF-8
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string clipped(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::string kept;
  for (const char c : text) {
    if ((c & 0xc0) != 0x80 && width_of(kept) + 2 >= width) break;
    kept += c;
  }
  return kept + "..";
}

/// An input file's name without its ending, which says nothing in a table.
std::string data_cell(const BreakEven& result) {
  constexpr std::string_view ending = ".h5";
  const bool drop = result.real_data && result.data.size() > ending.size() && result.data.ends_with(ending);
  const std::string data = drop ? result.data.substr(0, result.data.size() - ending.size()) : result.data;
  return result.n_fixed.empty() ? data : data + ", n " + result.n_fixed;
}

std::string break_even_cell(const BreakEven& result) {
  if (result.verdict == Verdict::below_range) return fmt::format("below {}", result.smallest_n);
  if (result.verdict == Verdict::never && !std::isnan(result.model_n))
    return fmt::format("- (model {})", short_size(result.model_n));
  if (std::isnan(result.n)) return "-";
  if (result.verdict == Verdict::extrapolated) return fmt::format("~{} (model)", short_size(result.n));
  if (std::isnan(result.n_low) || result.launches < 2) return short_size(result.n);
  const std::string low = result.n_low > 0 ? short_size(result.n_low) : fmt::format("<{}", result.interval_from);
  const std::string high =
      std::isfinite(result.n_high) ? short_size(result.n_high) : fmt::format(">{}", result.interval_to);
  return fmt::format("{} [{}, {}]", short_size(result.n), low, high);
}

Row row_of(const BreakEven& result, bool names_factor) {
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : printable(text); };
  std::string method = result.method;
  for (const std::string& part : {result.setting, result.factors})
    if (!part.empty()) method += " " + part;
  return {printable(method),
          or_dash(data_cell(result)),
          or_dash(result.d),
          or_dash(result.dtype),
          result.ranks == unknown_index ? "-" : std::to_string(result.ranks),
          (names_factor ? result.factor + " " : "") + break_even_cell(result) + (result.crosses_repeatedly ? " *" : ""),
          to_text(result.verdict),
          std::isnan(result.error) ? "-" : fmt::format("{:.1e}", result.error),
          fmt::format("{:.3g}x", result.speed_up)};
}

/// Keeps both ends, since names of one study tend to differ in either: "fashion..ches".
std::string shortened(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::vector<std::string> characters;
  for (const char c : text) {
    if (characters.empty() || (c & 0xc0) != 0x80) characters.emplace_back();
    characters.back() += c;
  }
  const std::size_t kept = width - 2, front = kept - kept / 3;
  std::string result;
  for (std::size_t i = 0; i < front; ++i) result += characters[i];
  result += "..";
  for (std::size_t i = characters.size() - (kept - front); i < characters.size(); ++i) result += characters[i];
  return result;
}

/// Splits at spaces into lines of at most `width`; continuation lines are indented. A longer word is clipped.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    const bool first = lines.size() == 1 && lines.back().empty();
    if (!first && width_of(lines.back()) + 1 + width_of(word) > width)
      lines.push_back("  " + clipped(word, width - 2));
    else
      lines.back() += clipped((first ? "" : " ") + word, width);
  }
  return lines;
}

struct Format {
  std::array<std::size_t, n_columns> widths{};
  std::size_t gap = 2;
};

/// Two spaces between columns if everything fits, else one; then names of data are shortened, and only then do methods
/// take a second line.
Format fit(const Row& headings, const std::vector<Row>& rows) {
  Format format;
  std::size_t total = 0;
  for (std::size_t c = 0; c < n_columns; ++c) {
    format.widths[c] = width_of(headings[c]);
    for (const Row& row : rows) format.widths[c] = std::max(format.widths[c], width_of(row[c]));
    total += format.widths[c];
  }
  format.gap = total + 2 * (n_columns - 1) <= page_width ? 2 : 1;
  total += format.gap * (n_columns - 1);
  for (const auto& [column, least] : {std::pair(data_column, std::size_t{14}), {method_column, std::size_t{12}}}) {
    const std::size_t excess = total > page_width ? total - page_width : 0;
    const std::size_t spare = format.widths[column] > least ? format.widths[column] - least : 0;
    const std::size_t narrowed = std::min(excess, spare);
    format.widths[column] -= narrowed;
    total -= narrowed;
  }
  return format;
}

std::string line_of(const Row& row, const Format& format) {
  std::string line;
  for (std::size_t c = 0; c < n_columns; ++c) {
    const std::string padding(format.widths[c] - std::min(format.widths[c], width_of(row[c])), ' ');
    line += (c > 0 ? std::string(format.gap, ' ') : "") + (right_aligned[c] ? padding + row[c] : row[c] + padding);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string rule(const Format& format) {
  std::size_t width = format.gap * (n_columns - 1);
  for (const std::size_t column : format.widths) width += column;
  std::string line;
  for (std::size_t i = 0; i < std::min(width, page_width); ++i) line += "─";
  return line + "\n";
}

std::string filled(const std::string& paragraph) {
  std::string text;
  for (const std::string& line : wrapped(paragraph, page_width)) text += line + "\n";
  return text;
}

std::string footnotes(const Study& study, const std::vector<BreakEven>& results) {
  std::set<std::string> baselines, largest;
  bool repeatedly = false, model = false;
  for (const BreakEven& result : results) {
    baselines.insert(printable(result.baseline));
    largest.insert(std::to_string(result.largest_n));
    repeatedly = repeatedly || result.crosses_repeatedly;
    model = model || result.verdict == Verdict::extrapolated || !std::isnan(result.model_n);
  }
  std::string text;
  if (!results.empty()) {
    text += filled(fmt::format(
        "Baseline: the fastest exact method of the same launch ({}). Times are set-up + run; error is taken at "
        "the break-even, speed-up at the largest common {} ({}).",
        fmt::join(baselines, ", "), names_factors(results) ? "size" : "n", fmt::join(largest, ", ")));
    if (model)
      text += filled("model: the log-log line of the ratio through the nearest two sizes, continued; not measured.");
    if (repeatedly)
      text += filled("* the ratio crosses 1 more than once; the last crossing to winning for good counts.");
  }
  text += filled(measured_on(study));
  const std::string left_out = to_text(count_exclusions(study));
  text += left_out.empty() ? "No case was left out.\n" : filled("Left out: " + left_out + " (cases).");
  return text;
}

}  // namespace

bool names_factors(const std::vector<BreakEven>& results) {
  return std::any_of(results.begin(), results.end(), [](const BreakEven& result) { return result.factor != "n"; });
}

std::string short_size(double n) {
  if (!std::isfinite(n)) return "-";
  if (n < 99'950) return fmt::format("{:.0f}", n < 1000 ? n : 10 * std::round(n / 10));
  return n < 999'500 ? fmt::format("{:.0f}k", n / 1e3)
         : n < 1e9   ? fmt::format("{:.3g}M", n / 1e6)
                     : fmt::format("{:.1e}", n);
}

std::string break_even_table(const Study& study, const std::vector<BreakEven>& results) {
  std::vector<Row> rows;
  for (const BreakEven& result : results) rows.push_back(row_of(result, names_factors(results)));
  Row headings = column_names;
  if (names_factors(results)) headings[break_even_column] = "break-even";
  const Format format = fit(headings, rows);
  std::string text = "break-even" + (study.name.empty() ? "" : " of study " + printable(study.name)) + "\n";
  if (rows.empty())
    return text + "No fast method was measured beside an exact one on the same task and ranks.\n" +
           footnotes(study, results);
  text += rule(format) + line_of(headings, format) + rule(format);
  std::map<std::string, std::string> long_names;
  for (Row row : rows) {
    const std::string name = std::exchange(row[data_column], shortened(row[data_column], format.widths[data_column]));
    if (name != row[data_column]) long_names[row[data_column]] = name;
    const std::vector<std::string> lines = wrapped(row[method_column], format.widths[method_column]);
    row[method_column] = lines.front();
    text += line_of(row, format);
    for (std::size_t i = 1; i < lines.size(); ++i) text += line_of({lines[i]}, format);
  }
  text += rule(format);
  for (const auto& [shorter, name] : long_names) text += filled(shorter + ": " + name);
  return text + footnotes(study, results);
}

}  // namespace breakeven
