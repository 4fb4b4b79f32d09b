#include "analysis/break_even.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "analysis/selection.hpp"
#include "base/statistics.hpp"

namespace breakeven {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double furthest_extrapolation = 64;  // six doublings: beyond, caches and networks change the slope

/// One n of a curve: speed-up by launch.
struct CurvePoint {
  const Record* fast = nullptr;
  std::map<Index, double> speed_up;
  std::map<std::string, Index> baselines;  // how many launches each exact method was the fastest in
  double median_speed_up = 0;
  bool hollow = false;
};
using Curve = std::map<Index, CurvePoint>;            // by n
using Line = std::vector<std::pair<double, double>>;  // (log n, log speed-up), ascending n

/// Records of one task at all n, and nothing that may not be compared.
struct Family {
  std::map<Index, std::vector<const Record*>> exact;                     // by n
  std::vector<std::pair<std::string, std::vector<const Record*>>> fast;  // by method_key, in the study's order
};

CurvePoint compare(const Record& fast, const std::vector<const Record*>& exact, const Labels& labels) {
  CurvePoint point;
  point.fast = &fast;
  std::map<Index, std::pair<double, const Record*>> best;
  for (const Record* candidate : exact)
    for (const auto& [launch, total_s] : launch_totals(*candidate)) {
      auto& [best_s, record] = best.try_emplace(launch, infinity, nullptr).first->second;
      if (total_s < best_s) best_s = total_s, record = candidate;
    }
  std::vector<double> ratios;
  for (const auto& [launch, total_s] : launch_totals(fast)) {
    const auto baseline = best.find(launch);
    if (baseline == best.end()) continue;
    ratios.push_back(point.speed_up[launch] = baseline->second.first / total_s);
    ++point.baselines[labels.series(*baseline->second.second)];
  }
  if (!ratios.empty()) point.median_speed_up = median(ratios);
  return point;
}

Curve make_curve(const std::vector<const Record*>& fast, const Family& family, const Labels& labels,
                 const Abscissae& abscissae) {
  Curve curve;
  std::size_t most_launches = 0;
  for (const Record* record : fast) {
    const auto exact = family.exact.find(abscissae.value(*record));
    if (exact == family.exact.end()) continue;
    CurvePoint point = compare(*record, exact->second, labels);
    if (point.speed_up.empty()) continue;
    most_launches = std::max(most_launches, point.speed_up.size());
    curve[exact->first] = std::move(point);
  }
  for (auto& [n, point] : curve) point.hollow = point.speed_up.size() < most_launches;
  return curve;
}

double interpolate(double x, double x0, double y0, double x1, double y1) {
  return x1 == x0 ? y0 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

/// n of the last crossing to winning for good; infinity if the line ends below 1, 0 if it never was below.
double last_crossing(const Line& line) {
  if (line.back().second < 0) return infinity;
  for (std::size_t i = line.size() - 1; i > 0; --i) {
    const auto& [x0, y0] = line[i - 1];
    const auto& [x1, y1] = line[i];
    if (y0 < 0) return std::exp(interpolate(0, y0, x0, y1, x1));
  }
  return 0;
}

/// Where the line through the first or last two points crosses 1, if that is outside the measured range and near it.
std::optional<double> continued(const Line& line, bool upwards) {
  if (line.size() < 2) return std::nullopt;
  const auto& [x0, y0] = upwards ? line[line.size() - 2] : line[0];
  const auto& [x1, y1] = upwards ? line[line.size() - 1] : line[1];
  const double slope = (y1 - y0) / (x1 - x0);
  if (!(slope > 0)) return std::nullopt;
  const double end = upwards ? x1 : x0;
  const double crossing = end - (upwards ? y1 : y0) / slope;
  if (std::abs(crossing - end) > std::log(furthest_extrapolation) || crossing < 0) return std::nullopt;
  return std::exp(crossing);
}

/// The crossing of each launch over the points that every launch measured.
std::vector<double> launch_crossings(const Curve& curve) {
  std::map<Index, Line> lines;
  std::size_t n_full = 0;
  for (const auto& [n, point] : curve) {
    if (point.hollow) continue;
    ++n_full;
    for (const auto& [launch, speed_up] : point.speed_up)
      lines[launch].emplace_back(std::log(static_cast<double>(n)), std::log(speed_up));
  }
  std::vector<double> crossings;
  for (const auto& [launch, line] : lines)
    if (line.size() == n_full) crossings.push_back(last_crossing(line));
  return crossings;
}

void set_measured(BreakEven& result, const Curve& curve, double crossing_of_medians) {
  result.verdict = Verdict::measured;
  result.n = crossing_of_medians;
  const std::vector<double> crossings = launch_crossings(curve);
  if (crossings.empty()) return;
  const MedianInterval interval = median_interval(crossings);
  // Only a point outside the intervals saw the fast method win: the crossing stands, without an interval.
  if (!std::isfinite(interval.median) || interval.median <= 0) return;
  result.n = interval.median;
  result.n_low = interval.low;
  result.n_high = interval.high;
  result.confidence = interval.confidence;
  result.launches = static_cast<Index>(crossings.size());
}

bool measured_on_both_sides_of_features(const Curve& curve) {
  bool below = false, above = false;
  for (const auto& [n, point] : curve) {
    const double features = point.fast->number("features");
    below = below || static_cast<double>(n) < features;
    above = above || static_cast<double>(n) > features;
  }
  return below && above;
}

void judge(BreakEven& result, const Curve& curve) {
  Line line;
  Index crossings = 0;
  bool always_slower = true;
  for (const auto& [n, point] : curve) {
    line.emplace_back(std::log(static_cast<double>(n)), std::log(point.median_speed_up));
    always_slower = always_slower && line.back().second < 0;
    if (line.size() > 1) crossings += (line.back().second < 0) != (line[line.size() - 2].second < 0);
  }
  result.crosses_repeatedly = crossings > 1 || (crossings == 1 && line.back().second < 0);
  const double crossing = last_crossing(line);
  if (crossing == 0) {
    result.model_n = continued(line, false).value_or(unknown_number);
    result.verdict = std::isnan(result.model_n) ? Verdict::below_range : Verdict::extrapolated;
  } else if (std::isfinite(crossing)) {
    return set_measured(result, curve, crossing);
  } else {
    result.model_n = continued(line, true).value_or(unknown_number);
    result.verdict = std::isnan(result.model_n) ? Verdict::not_reached : Verdict::extrapolated;
    if (always_slower && measured_on_both_sides_of_features(curve)) result.verdict = Verdict::never;
  }
  if (result.verdict == Verdict::extrapolated) result.n = result.model_n;
}

/// A column of the fast method at n, between the neighbouring measured n; at the nearest end outside of them.
double column_at(const Curve& curve, const char* column, double n, bool logarithmic) {
  auto right = curve.lower_bound(static_cast<Index>(std::ceil(n)));
  if (right == curve.end()) return curve.rbegin()->second.fast->number(column);
  const double y1 = right->second.fast->number(column);
  if (right == curve.begin()) return y1;
  const auto left = std::prev(right);
  const double y0 = left->second.fast->number(column);
  const double x = std::log(n), x0 = std::log(static_cast<double>(left->first));
  const double x1 = std::log(static_cast<double>(right->first));
  if (logarithmic && y0 > 0 && y1 > 0) return std::exp(interpolate(x, x0, std::log(y0), x1, std::log(y1)));
  return interpolate(x, x0, y0, x1, y1);
}

std::string most_frequent(const std::map<std::string, Index>& counts) {
  std::string best;
  Index most = 0;
  for (const auto& [name, count] : counts)
    if (count > most) best = name, most = count;
  return best;
}

void describe(BreakEven& result, const Curve& curve, const Labels& labels, const Abscissae& abscissae) {
  const Record& record = *curve.begin()->second.fast;
  result.factor = abscissae.of(record);
  result.family = record.text("family");
  result.problem = record.text("problem");
  result.method = record.text("method");
  result.setting = labels.setting(record);
  result.task = abscissae.curve(record);
  result.data = data_label(record);
  result.factors = labels.other_factors(record);
  result.real_data = !record.text("input").empty();
  if (result.factor != "d") result.d = record.text("d");
  if (result.factor != "n") result.n_fixed = record.text("n");
  result.dtype = record.text("dtype");
  result.ranks = record.index("ranks");
  result.smallest_n = curve.begin()->first;
  result.largest_n = curve.rbegin()->first;
  for (const auto& [n, point] : curve) {
    const double features = point.fast->number("features");
    result.features_low = std::fmin(result.features_low, features);
    result.features_high = std::fmax(result.features_high, features);
    if (!point.hollow && result.interval_from == 0) result.interval_from = n;
    if (!point.hollow) result.interval_to = n;
    result.points.push_back({n, point.median_speed_up, static_cast<Index>(point.speed_up.size()), point.hollow});
  }
}

void set_speed_up(BreakEven& result, const CurvePoint& largest) {
  std::vector<double> ratios;
  for (const auto& [launch, ratio] : largest.speed_up) ratios.push_back(ratio);
  const MedianInterval interval = median_interval(ratios);
  result.speed_up = interval.median;
  result.speed_up_launches = static_cast<Index>(ratios.size());
  if (ratios.size() < 2) return;
  result.speed_up_low = interval.low;
  result.speed_up_high = interval.high;
  result.speed_up_confidence = interval.confidence;
}

BreakEven analyse(const Curve& curve, const Labels& labels, const Abscissae& abscissae) {
  BreakEven result;
  describe(result, curve, labels, abscissae);
  judge(result, curve);
  set_speed_up(result, curve.rbegin()->second);
  const bool below = result.verdict == Verdict::below_range;
  const double end = static_cast<double>(below ? result.smallest_n : result.largest_n);
  const double at = std::isnan(result.n) ? end : result.n;
  result.error = column_at(curve, "error", at, true);
  result.skill = column_at(curve, "skill", at, false);
  const auto next = curve.lower_bound(static_cast<Index>(std::ceil(at)));
  result.baseline = most_frequent((next == curve.end() ? curve.rbegin()->second : next->second).baselines);
  return result;
}

std::vector<Family> families(const Study& study, const Abscissae& abscissae) {
  std::vector<Family> found;
  std::map<std::string, std::size_t> position;
  for (const Record& record : study.records) {
    if (exclusion(record) != Exclusion::none || abscissae.value(record) <= 0) continue;
    const auto [entry, is_new] = position.try_emplace(abscissae.curve(record), found.size());
    if (is_new) found.emplace_back();
    Family& family = found[entry->second];
    if (record.text("role") == "exact") family.exact[abscissae.value(record)].push_back(&record);
    if (record.text("role") != "fast") continue;
    const std::string key = method_key(record);
    auto same =
        std::find_if(family.fast.begin(), family.fast.end(), [&](const auto& each) { return each.first == key; });
    if (same == family.fast.end()) same = family.fast.insert(same, {key, {}});
    same->second.push_back(&record);
  }
  return found;
}

}  // namespace

std::string to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::measured:
      return "measured";
    case Verdict::extrapolated:
      return "extrapolated";
    case Verdict::below_range:
      return "below range";
    case Verdict::never:
      return "never";
    case Verdict::not_reached:
      return "not reached";
  }
  return "";
}

std::vector<BreakEven> break_evens(const Study& study) {
  const Labels labels(study);
  const Abscissae abscissae(study);
  std::vector<BreakEven> results;
  for (const Family& family : families(study, abscissae))
    for (const auto& [key, records] : family.fast) {
      const Curve curve = make_curve(records, family, labels, abscissae);
      if (!curve.empty()) results.push_back(analyse(curve, labels, abscissae));
    }
  return results;
}

}  // namespace breakeven
