#include "analysis/slopes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace breakeven {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// NaN for what is no positive number: a logarithmic axis cannot show it.
double positive(const Value& value) {
  double number = unknown;
  if (const auto* index = std::get_if<Index>(&value)) number = static_cast<double>(*index);
  if (const auto* real = std::get_if<double>(&value)) number = *real;
  return number > 0 && std::isfinite(number) ? number : unknown;
}

void fit(CountCurve& curve) {
  curve.slope = curve.slope_error = unknown;
  const auto size = static_cast<double>(curve.points.size());
  if (size < 3) return;
  double mean_x = 0, mean_y = 0;
  for (const auto& [n, value] : curve.points) {
    mean_x += std::log(static_cast<double>(n)) / size;
    mean_y += std::log(value) / size;
  }
  double xx = 0, xy = 0, yy = 0;
  for (const auto& [n, value] : curve.points) {
    const double x = std::log(static_cast<double>(n)) - mean_x, y = std::log(value) - mean_y;
    xx += x * x, xy += x * y, yy += y * y;
  }
  curve.slope = xy / xx;
  curve.slope_error = std::sqrt(std::max(0.0, yy - curve.slope * xy) / (size - 2) / xx);
}

bool grows(const CountCurve& curve) {
  const auto [least, most] = std::minmax_element(curve.points.begin(), curve.points.end(),
                                                 [](const auto& a, const auto& b) { return a.value < b.value; });
  return curve.points.size() >= 2 && least->value < most->value;
}

}  // namespace

std::vector<CountCurve> count_curves(const Study& study) {
  const Labels labels(study);
  const Abscissae abscissae(study);
  std::vector<CountCurve> curves;
  std::map<std::string, std::size_t> position;
  for (const Record& record : study.records) {
    const Index n = abscissae.value(record);
    if (record.text("status") == "failed" || n <= 0) continue;
    for (const Column& column : record.columns) {
      const double value = column.kind == "count" ? positive(column.value) : unknown;
      if (std::isnan(value)) continue;
      const std::string task = abscissae.curve(record);
      const auto [entry, is_new] =
          position.try_emplace(method_key(record) + '\n' + task + '\n' + column.name, curves.size());
      if (is_new) curves.push_back({task, labels.series(record), column.name, column.help, {}, unknown, unknown});
      std::vector<CountPoint>& points = curves[entry->second].points;
      points.insert(std::upper_bound(points.begin(), points.end(), n,
                                     [](Index size, const CountPoint& point) { return size < point.n; }),
                    {n, value});
    }
  }
  std::erase_if(curves, [](const CountCurve& curve) { return !grows(curve); });
  for (CountCurve& curve : curves) fit(curve);
  return curves;
}

}  // namespace breakeven
