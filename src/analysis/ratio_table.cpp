#include "analysis/ratio_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/break_even.hpp"
#include "analysis/facts.hpp"
#include "analysis/selection.hpp"
#include "base/error.hpp"
#include "base/statistics.hpp"
#include "base/value.hpp"

namespace breakeven {
namespace {

std::string duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.4g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.4g} ms", seconds * 1e3);
  return fmt::format("{:.4g} s", seconds);
}

Ratio ratio_of(const Record& record, const Record& other, const Labels& labels) {
  Ratio result;
  result.task = labels.task(record, true);
  result.series = labels.series(record);
  result.role = record.text("role");
  result.dtype = record.text("dtype");
  result.n = record.index("n");
  result.time_s = record.number("time_median");
  const double flops = record.number("flops"), peak = record.number("peak_flops");
  result.rate = flops / result.time_s;
  result.share = result.rate / peak;
  result.share_low = flops / record.number("time_hi") / peak;
  result.share_high = flops / record.number("time_lo") / peak;
  const std::map<Index, double> theirs = launch_medians(other);
  std::vector<double> by_launch;
  for (const auto& [launch, time_s] : launch_medians(record))
    if (const auto same = theirs.find(launch); same != theirs.end()) by_launch.push_back(time_s / same->second);
  result.launches = static_cast<Index>(by_launch.size());
  if (by_launch.empty()) {
    result.ratio = result.low = result.high = result.confidence = unknown_number;
    return result;
  }
  const MedianInterval interval = median_interval(by_launch);
  result.ratio = interval.median;
  result.low = interval.low;
  result.high = interval.high;
  result.confidence = interval.confidence;
  return result;
}

}  // namespace

std::vector<Ratio> ratios(const Study& study, const std::string& against) {
  const Labels labels(study);
  std::map<std::string, const Record*> others;  // the first of that method, by task, which includes n
  for (const Record& record : study.records)
    if (exclusion(record) == Exclusion::none && record.text("method") == against)
      others.try_emplace(task_key(record), &record);
  if (others.empty()) throw BadRequest("against: no case of the study is timed with the method " + in_quotes(against));
  std::vector<Ratio> all;
  for (const Record& record : study.records)
    if (const auto other = others.find(task_key(record)); exclusion(record) == Exclusion::none && other != others.end())
      all.push_back(ratio_of(record, *other->second, labels));
  return all;
}

std::string ratio_table(const Study& study, const std::string& against) {
  std::string text, task;
  Index fewest = launches_for_a_claim;
  for (const Ratio& ratio : ratios(study, against)) {
    const std::string heading = fmt::format("{}, n = {}", printable(ratio.task), ratio.n);
    const bool bits = ratio.dtype == "bit";  // compared, where others multiply and add
    if (heading != task)
      text += fmt::format("{}{}\n  {:<28} {:>11} {:>9} {:>20} {:>28}\n", text.empty() ? "" : "\n", heading, "method",
                          "time", bits ? "Gbit/s" : "Gflop/s", bits ? "% of XOR+popcount" : "% of FMA peak",
                          "time / " + printable(against));
    task = heading;
    const std::string share =
        fmt::format("{:.1f} [{:.1f}, {:.1f}]", 100 * ratio.share, 100 * ratio.share_low, 100 * ratio.share_high);
    const std::string factor = ratio.low == ratio.high  // one launch, or the method itself
                                   ? fmt::format("{:.3g}", ratio.ratio)
                                   : fmt::format("{:.3g} [{:.3g}, {:.3g}]", ratio.ratio, ratio.low, ratio.high);
    text += fmt::format("  {:<28} {:>11} {:>9.1f} {:>20} {:>28}\n", printable(ratio.series), duration(ratio.time_s),
                        ratio.rate * 1e-9, std::isfinite(ratio.share) ? share : "", factor);
    fewest = std::min(fewest, ratio.launches);
  }
  text += "\n" + printable(measured_on(study)) + "\n";
  if (fewest < launches_for_a_claim)
    text += fmt::format("Indicative: some rows stand on {} launch{}, a claim needs {}.\n", fewest,
                        fewest == 1 ? "" : "es", launches_for_a_claim);
  return text;
}

}  // namespace breakeven
