#include "harness/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace breakeven {
namespace {

/// The method and what was asked of it: "polynomial degree=3".
std::string setting(const Record& record, const std::set<std::string>& parameters) {
  std::string text = record.text("method");
  for (const Column& column : record.columns) {
    if (column.kind != "parameter" || !parameters.contains(column.name)) continue;
    if (const std::string value = to_text(column.value); !value.empty()) text += " " + column.name + "=" + value;
  }
  return text;
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string escaped;
  for (const char c : text) escaped += c == '"' ? std::string("\"\"") : std::string(1, c);
  return "\"" + escaped + "\"";
}

}  // namespace

std::string human_time(double seconds) {
  if (std::isnan(seconds)) return "-";
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.4g} s", seconds);
}

std::string to_json_line(const Record& record) {
  nlohmann::ordered_json row;
  for (const Column& column : record.columns) {
    if (is_unknown(column.value))
      row[column.name] = nullptr;
    else
      std::visit([&](const auto& plain) { row[column.name] = plain; }, column.value);
  }
  // Infinity has no JSON form: nlohmann writes null, which reads as unknown.
  return row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::vector<std::string> csv_columns(const std::vector<Record>& records) {
  std::vector<Column> all;
  for (const Record& record : records)
    for (const Column& column : record.columns) {
      const auto same_name = [&](const Column& other) { return other.name == column.name; };
      if (std::any_of(all.begin(), all.end(), same_name)) continue;
      const auto same_kind = [&](const Column& other) { return other.kind == column.kind; };
      const auto last = std::find_if(all.rbegin(), all.rend(), same_kind);
      all.insert(last == all.rend() ? all.end() : last.base(), column);
    }
  std::vector<std::string> names;
  for (const Column& column : all) names.push_back(column.name);
  return names;
}

Record with_columns(const Record& record, const std::vector<std::string>& columns) {
  Record aligned;
  for (const std::string& name : columns) {
    const Value* value = record.find(name);
    aligned.columns.push_back({name, value == nullptr ? Value(std::string()) : *value, "", "", ""});
  }
  return aligned;
}

std::string csv_header(const Record& record) {
  std::string line;
  for (const Column& column : record.columns) line += (line.empty() ? "" : ",") + column.name;
  return line;
}

std::string to_csv_line(const Record& record) {
  std::string line;
  for (const Column& column : record.columns)
    line += (&column == record.columns.data() ? "" : ",") + quoted(to_text(column.value));
  return line;
}

std::string table_header() {
  return fmt::format("{:>9} {:>4} {:>5} {:>5}  {:>10} {:>23}  {:>8} {:>6} {:>9} {:>9}  {:<6} {}", "n", "d", "dtype",
                     "ranks", "time", "[interval]", "Gop/s", "% peak", "error", "skill", "status", "method");
}

std::string to_table_row(const Record& record, const std::set<std::string>& parameters) {
  const double time = record.number("time_median");
  const double rate = record.number("flops") / time;
  const std::string interval = std::isnan(time) ? ""
                                                : fmt::format("[{}, {}]", human_time(record.number("time_lo")),
                                                              human_time(record.number("time_hi")));
  const auto number = [](const char* format, double value) {
    return std::isnan(value) ? std::string("-") : fmt::format(fmt::runtime(format), value);
  };
  const auto size = [&](const char* name) {
    return record.index(name) == unknown_index ? std::string("-") : record.text(name);
  };
  std::string row = fmt::format(
      "{:>9} {:>4} {:>5} {:>5}  {:>10} {:>23}  {:>8} {:>6} {:>9} {:>9}  {:<6} {}", size("n"), size("d"),
      record.text("dtype"), record.index("ranks"), human_time(time), interval, number("{:.4g}", rate * 1e-9),
      number("{:.1f}", 100 * rate / record.number("peak_flops")), number("{:.2e}", record.number("error")),
      number("{:.5f}", record.number("skill")), record.text("status"), setting(record, parameters));
  if (const std::string message = record.text("message"); !message.empty()) row += "\n            " + message;
  return row;
}

void flush_standard_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Failure(std::string("cannot write to standard output: ") + std::strerror(errno));
}

}  // namespace breakeven
