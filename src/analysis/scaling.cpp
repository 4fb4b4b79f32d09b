#include "analysis/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "analysis/selection.hpp"
#include "base/statistics.hpp"

namespace breakeven {
namespace {

using ByRanks = std::map<Index, const Record*>;

std::vector<double> values_of(const std::map<Index, double>& by_launch) {
  std::vector<double> values;
  for (const auto& [launch, value] : by_launch) values.push_back(value);
  return values;
}

/// Speed-ups of the launches that both have; if they share no number, of the medians.
std::vector<double> speed_ups(const std::map<Index, double>& base, const std::map<Index, double>& times) {
  std::vector<double> ratios;
  for (const auto& [launch, time_s] : times)
    if (const auto same = base.find(launch); same != base.end()) ratios.push_back(same->second / time_s);
  if (ratios.empty()) ratios.push_back(median(values_of(base)) / median(values_of(times)));
  return ratios;
}

ScalingPoint point_of(Index ranks, Index base_ranks, const std::map<Index, double>& base,
                      const std::map<Index, double>& times) {
  const MedianInterval time = median_interval(values_of(times));
  const MedianInterval speed_up = median_interval(speed_ups(base, times));
  const double ideal = static_cast<double>(ranks) / static_cast<double>(base_ranks);
  ScalingPoint point;
  point.ranks = ranks;
  point.launches = static_cast<Index>(times.size());
  point.time_s = time.median, point.time_low_s = time.low, point.time_high_s = time.high;
  point.speed_up = speed_up.median, point.speed_up_low = speed_up.low, point.speed_up_high = speed_up.high;
  point.efficiency = speed_up.median / ideal;
  point.efficiency_low = speed_up.low / ideal, point.efficiency_high = speed_up.high / ideal;
  point.confidence = speed_up.confidence;
  return point;
}

ScalingCurve curve_of(const ByRanks& records, const Labels& labels, const Abscissae& abscissae) {
  const Record& first = *records.begin()->second;
  ScalingCurve curve;
  curve.task = task_key(first, {"ranks"});
  curve.family = abscissae.curve(first, {"ranks"});
  curve.method = first.text("method");
  curve.series = labels.series(first);
  curve.role = first.text("role");
  curve.n = abscissae.value(first);
  curve.base_ranks = records.begin()->first;
  const std::map<Index, double> base = launch_medians(first);
  Index most_launches = 0;
  for (const auto& [ranks, record] : records) {
    curve.points.push_back(point_of(ranks, curve.base_ranks, base, launch_medians(*record)));
    most_launches = std::max(most_launches, curve.points.back().launches);
  }
  for (ScalingPoint& point : curve.points) point.hollow = point.launches < most_launches;
  return curve;
}

}  // namespace

std::vector<ScalingCurve> strong_scaling(const Study& study) {
  const Labels labels(study);
  const Abscissae abscissae(study);
  std::map<std::string, std::size_t> position;
  std::vector<ByRanks> groups;
  for (const Record& record : study.records) {
    if (exclusion(record) != Exclusion::none || record.index("ranks") <= 0) continue;
    const std::string key = method_key(record) + '\n' + task_key(record, {"ranks"});
    const auto [entry, is_new] = position.try_emplace(key, groups.size());
    if (is_new) groups.emplace_back();
    groups[entry->second][record.index("ranks")] = &record;
  }
  std::vector<ScalingCurve> curves;
  for (const ByRanks& group : groups)
    if (group.size() > 1) curves.push_back(curve_of(group, labels, abscissae));
  return curves;
}

std::vector<bool> non_dominated(const std::vector<Cost>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::pair(points[a].time_s, points[a].error) < std::pair(points[b].time_s, points[b].error);
  };
  std::erase_if(order, [&](std::size_t i) { return std::isnan(points[i].time_s) || std::isnan(points[i].error); });
  std::sort(order.begin(), order.end(), before);
  std::vector<bool> on_front(points.size(), false);
  double least_error = std::numeric_limits<double>::infinity(), its_time = -1;
  for (const std::size_t i : order) {
    const bool equal_to_best = points[i].error == least_error && points[i].time_s == its_time;
    on_front[i] = points[i].error < least_error || equal_to_best;
    if (points[i].error < least_error) least_error = points[i].error, its_time = points[i].time_s;
  }
  return on_front;
}

}  // namespace breakeven
