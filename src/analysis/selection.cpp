#include "analysis/selection.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/statistics.hpp"

namespace breakeven {
namespace {

std::string problem_of(const Record& record) {
  return record.text("family") + "/" + record.text("problem");
}
std::string method_of(const Record& record) {
  return problem_of(record) + "/" + record.text("method");
}

/// Separates fields of a key; no label or file name holds it.
constexpr char unit_separator = '\x1f';

void append(std::string& list, const std::string& item, const char* separator) {
  if (!list.empty()) list += separator;
  list += item;
}

using ValuesSeen = std::map<std::string, std::map<std::string, std::set<std::string>>>;

std::map<std::string, std::set<std::string>> those_that_vary(const ValuesSeen& seen) {
  std::map<std::string, std::set<std::string>> varying;
  for (const auto& [owner, columns] : seen)
    for (const auto& [column, values] : columns)
      if (values.size() > 1) varying[owner].insert(column);
  return varying;
}

/// A second set of vectors as large as the first is no factor of its own: it grows with n.
bool follows_n(const Record& record) {
  return record.index("n_b") != unknown_index && record.index("n_b") == record.index("n");
}

/// Factors are compared among tasks on the same data: those of another kind or file have others.
std::string data_of(const Record& record) {
  return problem_of(record) + unit_separator + data_label(record);
}

}  // namespace

Exclusion exclusion(const Record& record) {
  if (record.text("status") == "failed") return Exclusion::failed;
  if (record.text("origin") != "measured") return Exclusion::not_measured;
  if (record.flag("oversubscribed")) return Exclusion::oversubscribed;
  const Value* converged = record.find("converged");
  if (converged != nullptr && is_known(*converged) && !record.flag("converged")) return Exclusion::not_converged;
  if (launch_medians(record).empty()) return Exclusion::untimed;
  return Exclusion::none;
}

ExclusionCounts count_exclusions(const Study& study) {
  ExclusionCounts counts;
  for (const Record& record : study.records) {
    const Exclusion reason = exclusion(record);
    counts.failed += reason == Exclusion::failed;
    counts.not_measured += reason == Exclusion::not_measured;
    counts.oversubscribed += reason == Exclusion::oversubscribed;
    counts.not_converged += reason == Exclusion::not_converged;
    counts.untimed += reason == Exclusion::untimed;
  }
  return counts;
}

std::string to_text(const ExclusionCounts& counts) {
  std::string text;
  const std::array<std::pair<Index, const char*>, 5> parts{{{counts.failed, "failed"},
                                                            {counts.oversubscribed, "oversubscribed"},
                                                            {counts.not_measured, "not measured"},
                                                            {counts.not_converged, "not converged"},
                                                            {counts.untimed, "without a timed repetition"}}};
  for (const auto& [count, reason] : parts)
    if (count > 0) append(text, std::to_string(count) + " " + reason, ", ");
  return text;
}

std::map<Index, double> launch_medians(const Record& record) {
  std::map<Index, std::vector<double>> times;
  for (const Sample& sample : record.samples)
    if (!sample.warmup && std::isfinite(sample.completion_s) && sample.completion_s > 0)
      times[sample.launch].push_back(sample.completion_s);
  std::map<Index, double> medians;
  for (const auto& [launch, values] : times) medians[launch] = median(values);
  return medians;
}

std::map<Index, double> launch_totals(const Record& record) {
  const double typical_s = record.number("setup_s");  // the median over launches
  std::map<Index, double> setups;
  for (const RankRecord& ranks : record.ranks)
    if (std::isfinite(ranks.setup_s)) setups[ranks.launch] = ranks.setup_s;
  std::map<Index, double> totals = launch_medians(record);
  for (auto& [launch, time_s] : totals) {
    const auto own = setups.find(launch);
    if (own != setups.end())
      time_s += own->second;
    else if (std::isfinite(typical_s))
      time_s += typical_s;
  }
  return totals;
}

bool is_known(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? !text->empty() : !is_unknown(value);
}

std::string task_key(const Record& record, const std::set<std::string>& without) {
  std::string key = problem_of(record);
  for (const Column& column : record.columns)
    if ((column.kind == "factor" || column.name == "ranks") && !without.contains(column.name))
      key += unit_separator + column.name + "=" + to_text(column.value);
  return key;
}

std::string method_key(const Record& record) {
  std::string key = method_of(record);
  for (const Column& column : record.columns)
    if (column.kind == "parameter" && is_known(column.value))
      key += unit_separator + column.name + "=" + to_text(column.value);
  return key;
}

std::string data_label(const Record& record) {
  const std::string input = record.text("input");
  if (!input.empty()) return input.substr(input.find_last_of('/') + 1);
  const std::string bound = record.text("bound");
  const std::string data = record.text("data");
  return data.empty() || bound.empty() ? data : data + "/" + bound;
}

Abscissae::Abscissae(const Study& study) {
  std::map<std::string, std::pair<std::set<Index>, std::set<Index>>> sizes;  // n and d by task without them
  for (const Record& record : study.records) {
    auto& [n, d] = sizes[task_key(record, {"n", "d"})];
    n.insert(record.index("n"));
    d.insert(record.index("d"));
  }
  for (const auto& [task, seen] : sizes)
    if (seen.first.size() == 1 && seen.second.size() >= 3) over_d_.insert(task);
}

const std::string& Abscissae::of(const Record& record) const {
  static const std::string n = "n", d = "d";
  return over_d_.contains(task_key(record, {"n", "d"})) ? d : n;
}

std::string Abscissae::curve(const Record& record, std::set<std::string> without) const {
  without.insert(of(record));
  if (follows_n(record)) without.insert("n_b");
  return task_key(record, without);
}

/// One method's cases on one task at any n: what a figure draws side by side.
std::string Labels::curves_of(const Record& record) const {
  return record.text("method") + " on " + abscissae_.curve(record);
}

Labels::Labels(const Study& study) : abscissae_(study) {
  ValuesSeen parameters, factors;
  for (const Record& record : study.records)
    for (const Column& column : record.columns) {
      const std::string text = to_text(column.value);
      if (column.kind == "parameter" && is_known(column.value)) parameters[curves_of(record)][column.name].insert(text);
      if (column.kind == "factor") factors[data_of(record)][column.name].insert(text);
    }
  parameters_ = those_that_vary(parameters);
  factors_ = those_that_vary(factors);
}

std::string Labels::setting(const Record& record) const {
  std::string text;
  const auto varying = parameters_.find(curves_of(record));
  if (varying == parameters_.end()) return text;
  for (const Column& column : record.columns)
    if (column.kind == "parameter" && is_known(column.value) && varying->second.contains(column.name))
      append(text, column.name + "=" + to_text(column.value), " ");
  return text;
}

std::string Labels::series(const Record& record) const {
  const std::string setting_text = setting(record);
  return setting_text.empty() ? record.text("method") : record.text("method") + " " + setting_text;
}

std::string Labels::other_factors(const Record& record) const {
  // By data_label(), in a place of their own, or what the curves run over.
  static const std::set<std::string> named{"data", "bound", "input", "input_sha256", "d", "dtype", "n"};
  std::string text;
  const auto varying = factors_.find(data_of(record));
  if (varying == factors_.end()) return text;
  const std::string d = record.text("d");  // d_value is worth a word only where it differs; its 0 means "as d"
  for (const Column& column : record.columns)
    if (column.kind == "factor" && varying->second.contains(column.name) && !named.contains(column.name) &&
        is_known(column.value) && !(column.name == "n_b" && follows_n(record)) &&
        !(column.name == "d_value" && (to_text(column.value) == d || to_text(column.value) == "0")))
      append(text, column.name + " " + to_text(column.value), ", ");
  return text;
}

std::string Labels::task(const Record& record, bool with_ranks) const {
  std::string text = data_label(record);
  const std::string size = abscissae_.of(record) == "d" ? "n" : "d";
  if (record.index(size) != unknown_index) append(text, size + " " + record.text(size), ", ");
  if (!record.text("dtype").empty()) append(text, record.text("dtype"), ", ");
  if (const std::string others = other_factors(record); !others.empty()) append(text, others, ", ");
  const Index ranks = record.index("ranks");
  if (with_ranks && ranks != unknown_index)
    append(text, std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks"), ", ");
  return text;
}

}  // namespace breakeven
