#include "analysis/page/page_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "analysis/ceilings.hpp"
#include "analysis/page/verdict_text.hpp"
#include "analysis/scaling.hpp"
#include "analysis/selection.hpp"
#include "analysis/slopes.hpp"
#include "base/statistics.hpp"

namespace breakeven::page {
namespace {

using Json = nlohmann::ordered_json;

Json number(double x) {
  return std::isfinite(x) ? Json(x) : Json(nullptr);
}

/// For figures: six digits are more than a screen shows, and a third of the bytes.
Json rounded(double x) {
  return std::isfinite(x) ? Json(std::stod(fmt::format("{:.6g}", x))) : Json(nullptr);
}

/// [{a, b}, {a, b}] as {a: [..], b: [..]}: names once, not once a row. All rows have the same fields.
Json by_column(const Json& rows) {
  Json columns = Json::object();
  for (const Json& row : rows)
    for (const auto& [name, value] : row.items()) columns[name].push_back(value);
  return columns;
}

Json cell(const Value& value) {
  if (!is_known(value)) return nullptr;
  if (const auto* x = std::get_if<double>(&value)) return number(*x);
  return std::visit([](const auto& known) { return Json(known); }, value);
}

/// Numbers the curves (task without n) and the scaling families (without n and ranks) in order of appearance.
struct Numbering {
  std::map<std::string, Index> position;
  Index of(const std::string& key) {
    return position.try_emplace(key, static_cast<Index>(position.size())).first->second;
  }
};

bool drawn(const Record& record) {
  // The reference works in float64 whatever the dtype and is refused above a size: it is no competitor.
  return exclusion(record) == Exclusion::none && record.text("role") != "reference" && record.index("n") > 0;
}

/// Launches of the best-measured point of each series and curve: fewer make a point hollow.
std::map<std::string, std::size_t> most_launches(const Study& study, const Abscissae& abscissae) {
  std::map<std::string, std::size_t> most;
  for (const Record& record : study.records)
    if (drawn(record)) {
      std::size_t& launches = most[method_key(record) + '\n' + abscissae.curve(record)];
      launches = std::max(launches, launch_medians(record).size());
    }
  return most;
}

/// The interval over launches; of a single launch the one stored with it, over its repetitions, moved by the set-up.
MedianInterval total_interval(const Record& record) {
  std::vector<double> totals;
  for (const auto& [launch, total_s] : launch_totals(record)) totals.push_back(total_s);
  MedianInterval interval = median_interval(totals);
  const double low = record.number("time_lo"), high = record.number("time_hi");
  if (totals.size() > 1 || std::isnan(low) || std::isnan(high)) return interval;
  const double setup_s = std::isfinite(record.number("setup_s")) ? record.number("setup_s") : 0;
  return {interval.median, setup_s + low, setup_s + high, record.number("confidence")};
}

Json point_of(const Record& record, Index group, Index n, const Labels& labels, std::size_t most) {
  const MedianInterval total = total_interval(record);
  const std::size_t launches = launch_medians(record).size();
  return {{"group", group},
          {"n", n},
          {"series", labels.series(record)},
          {"method", record.text("method")},
          {"role", record.text("role")},
          {"time", rounded(total.median)},
          {"low", rounded(total.low)},
          {"high", rounded(total.high)},
          {"confidence", rounded(total.confidence)},
          {"setup", rounded(record.number("setup_s"))},
          {"error", rounded(record.number("error"))},
          // A logarithmic axis has no zero: an error of 0 is drawn a little below the rounding of float64.
          {"error_drawn", rounded(std::fmax(record.number("error"), 1e-17))},
          {"skill", rounded(record.number("skill"))},
          {"features", rounded(record.number("features"))},
          {"launches", launches},
          {"hollow", launches < most}};
}

void mark_front(Json& points) {
  std::map<std::pair<Index, Index>, std::vector<std::size_t>> planes;  // by (group, n)
  for (std::size_t i = 0; i < points.size(); ++i) planes[{points[i]["group"], points[i]["n"]}].push_back(i);
  for (const auto& [plane, members] : planes) {
    std::vector<Cost> costs;
    for (const std::size_t i : members)
      costs.push_back({points[i]["time"], points[i]["error"].is_null() ? NAN : points[i]["error"].get<double>()});
    const std::vector<bool> front = non_dominated(costs);
    for (std::size_t k = 0; k < members.size(); ++k) points[members[k]]["front"] = static_cast<bool>(front[k]);
  }
}

/// Numbers of tasks (and of ranks) that take several values in a study, but for those of random choices.
std::set<std::string> varying_numbers(const Study& study) {
  std::map<std::string, std::set<double>> seen;
  for (const Record& record : study.records) {
    if (!drawn(record)) continue;
    for (const Column& column : record.columns)
      if ((column.kind == "factor" || column.name == "ranks") && column.name != "seed" &&
          std::isfinite(record.number(column.name)))
        seen[column.name].insert(record.number(column.name));
  }
  std::set<std::string> varying;
  for (const auto& [name, values] : seen)
    if (values.size() > 1) varying.insert(name);
  return varying;
}

/// The maps of winners of which a curve is a row: curves of one map differ in one number alone.
Json maps_of(const Record& record, const Abscissae& abscissae, const std::set<std::string>& varying, Numbering& maps) {
  Json rows = Json::array();
  const std::string curve = abscissae.curve(record);
  for (const std::string& factor : varying)
    if (const std::string others = abscissae.curve(record, {factor}); others != curve)
      rows.push_back(
          {{"map", maps.of(factor + '\n' + others)}, {"factor", factor}, {"value", number(record.number(factor))}});
  return rows;
}

Json break_of(const BreakEven& result, Index group, const std::string& label, const std::string& row) {
  return {{"group", group},
          {"row", row},
          {"task", label},
          {"series", result.setting.empty() ? result.method : result.method + " " + result.setting},
          {"baseline", result.baseline},
          {"verdict", to_text(result.verdict)},
          {"factor", result.factor},
          {"n", rounded(result.n)},
          {"low", rounded(result.n_low == 0 ? static_cast<double>(result.interval_from) : result.n_low)},
          {"high", rounded(std::isinf(result.n_high) ? static_cast<double>(result.interval_to) : result.n_high)},
          {"confidence", rounded(result.confidence)},
          {"launches", result.launches},
          {"error", rounded(result.error)},
          {"skill", rounded(result.skill)},
          {"smallest", result.smallest_n},
          {"largest", result.largest_n},
          {"speed_up", rounded(result.speed_up)},
          {"speed_up_low", rounded(result.speed_up_low)},
          {"speed_up_high", rounded(result.speed_up_high)},
          {"speed_up_confidence", rounded(result.speed_up_confidence)},
          {"speed_up_launches", result.speed_up_launches}};
}

Json scaling_of(const Study& study, Numbering& families) {
  Json rows = Json::array();
  for (const ScalingCurve& curve : strong_scaling(study)) {
    if (curve.role == "reference") continue;
    for (const ScalingPoint& point : curve.points)
      rows.push_back({{"scaling", families.of(curve.family)},
                      {"n", curve.n},
                      {"series", curve.series},
                      {"ranks", point.ranks},
                      {"base", curve.base_ranks},
                      {"base_time", rounded(curve.points.front().time_s)},
                      {"time", rounded(point.time_s)},
                      {"speed_up", rounded(point.speed_up)},
                      {"speed_up_low", rounded(point.speed_up_low)},
                      {"speed_up_high", rounded(point.speed_up_high)},
                      {"efficiency", rounded(point.efficiency)},
                      {"efficiency_low", rounded(point.efficiency_low)},
                      {"efficiency_high", rounded(point.efficiency_high)},
                      {"confidence", rounded(point.confidence)},
                      {"launches", point.launches},
                      {"hollow", point.hollow}});
  }
  return rows;
}

/// Median over launches and repetitions of each rank's own time.
std::vector<double> rank_medians(const Record& record) {
  std::vector<std::vector<double>> times;
  for (const RankRecord& launch : record.ranks)
    for (const std::vector<double>& repetition : launch.elapsed_s) {
      if (times.size() < repetition.size()) times.resize(repetition.size());
      for (std::size_t rank = 0; rank < repetition.size(); ++rank)
        if (std::isfinite(repetition[rank])) times[rank].push_back(repetition[rank]);
    }
  std::vector<double> medians;
  for (const std::vector<double>& values : times) medians.push_back(values.empty() ? NAN : median(values));
  return medians;
}

void append_ranks(Json& rows, const Record& record, Index group, Index n, const std::string& series) {
  const std::vector<double> times = rank_medians(record);
  const auto n_ranks = static_cast<Index>(times.size());
  if (n_ranks < 2) return;
  const double slowest = *std::max_element(times.begin(), times.end());
  const Index n_cells = std::min(n_ranks, most_rank_cells);
  for (Index i = 0; i < n_cells; ++i) {
    const Index begin = i * n_ranks / n_cells, end = (i + 1) * n_ranks / n_cells;
    const double time_s =
        median(std::span(times).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    rows.push_back({{"group", group},
                    {"n", n},
                    {"series", series},
                    {"order", begin},
                    {"rank", end - begin == 1 ? fmt::format("{}", begin) : fmt::format("{}-{}", begin, end - 1)},
                    {"time", rounded(time_s)},
                    {"share", rounded(time_s / slowest)}});
  }
}

/// Column by column; a column of one value is written once, which is most of them.
Json cases_of(const Study& study) {
  std::vector<const Column*> columns;
  std::map<std::string, std::vector<Json>> values;
  for (std::size_t i = 0; i < study.records.size(); ++i)
    for (const Column& column : study.records[i].columns) {
      const auto [entry, is_new] = values.try_emplace(column.name, i, nullptr);
      if (is_new) columns.push_back(&column);
      if (entry->second.size() > i) continue;  // a name twice in one record: the first counts
      entry->second.resize(i, nullptr);
      entry->second.push_back(cell(column.value));
    }
  Json list = Json::array();
  for (const Column* column : columns) {
    std::vector<Json>& all = values[column->name];
    all.resize(study.records.size(), nullptr);
    Json entry{{"name", column->name}, {"unit", column->unit}, {"help", column->help}, {"kind", column->kind}};
    if (std::adjacent_find(all.begin(), all.end(), std::not_equal_to<>()) == all.end())
      entry["value"] = all.front();
    else
      entry["values"] = all;
    list.push_back(std::move(entry));
  }
  return {{"rows", study.records.size()}, {"columns", std::move(list)}};
}

/// Counts that grow, one row a point; curves without a group stand in no figure.
Json counts_of(const Study& study, const std::map<std::string, std::string>& tasks, Numbering& curves) {
  Json rows = Json::array();
  for (const CountCurve& curve : count_curves(study)) {
    if (!tasks.contains(curve.task)) continue;
    for (const CountPoint& point : curve.points)
      rows.push_back({{"group", curves.of(curve.task)},
                      {"n", point.n},
                      {"series", curve.series},
                      {"count", curve.count},
                      {"help", curve.help},
                      {"value", rounded(point.value)},
                      {"slope", rounded(curve.slope)},
                      {"slope_error", rounded(curve.slope_error)}});
  }
  return rows;
}

/// Exact methods first: they take the neutral colours.
Json series_of(const Study& study, const Labels& labels) {
  Json list = Json::array();
  for (const char* role : {"exact", "peer", "fast"})
    for (const Record& record : study.records)
      if (drawn(record) && record.text("role") == role) {
        const Json entry{{"name", labels.series(record)}, {"role", role}};
        if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
      }
  return list;
}

}  // namespace

std::string page_data(const Study& study, const std::vector<BreakEven>& results) {
  const Labels labels(study);
  const Abscissae abscissae(study);
  const std::map<std::string, std::size_t> most = most_launches(study, abscissae);
  Numbering curves, families, maps;
  const std::set<std::string> varying = varying_numbers(study);
  Json groups = Json::array(), points = Json::array(), breaks = Json::array(), ranks = Json::array();
  std::map<std::string, std::string> tasks;
  for (const Record& record : study.records) {
    if (!drawn(record)) continue;
    const std::string key = abscissae.curve(record);
    const Index group = curves.of(key), n = abscissae.value(record);
    if (group == static_cast<Index>(groups.size())) {
      tasks[key] = labels.task(record, true);
      groups.push_back({{"label", record.text("problem") + ": " + tasks[key]},
                        {"factor", abscissae.of(record)},
                        {"ranks", record.index("ranks")},
                        {"scaling", families.of(abscissae.curve(record, {"ranks"}))},
                        {"maps", maps_of(record, abscissae, varying, maps)}});
    }
    points.push_back(point_of(record, group, n, labels, most.at(method_key(record) + '\n' + key)));
    append_ranks(ranks, record, group, n, labels.series(record));
  }
  mark_front(points);
  // One size shows no crossing: such a comparison stands in the table, unless there is nothing else to draw.
  const auto at_sizes = [](const BreakEven& result) { return result.points.size() > 1; };
  const bool any_at_sizes = std::any_of(results.begin(), results.end(), at_sizes);
  for (const BreakEven& result : results) {
    if (any_at_sizes && !at_sizes(result)) continue;
    const std::string series = result.setting.empty() ? result.method : result.method + " " + result.setting;
    breaks.push_back(break_of(result, curves.of(result.task), tasks[result.task], series + " | " + tasks[result.task]));
  }
  const BreakEven* shown = headline(results);
  const Json data{{"study", study.name},
                  {"label", study.label},
                  {"shown", shown == nullptr ? 0 : curves.of(shown->task)},
                  {"series", series_of(study, labels)},
                  {"groups", groups},
                  {"points", by_column(points)},
                  {"breaks", by_column(breaks)},
                  {"scaling", by_column(scaling_of(study, families))},
                  {"ranks", by_column(ranks)},
                  {"counts", by_column(counts_of(study, tasks, curves))},
                  {"cases", cases_of(with_bounds(study))}};
  return data.dump(-1, ' ', false, Json::error_handler_t::replace);  // bytes that are not UTF-8 must not stop a report
}

}  // namespace breakeven::page
