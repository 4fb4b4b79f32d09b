#include "analysis/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analysis/break_even.hpp"
#include "analysis/scaling.hpp"
#include "analysis/selection.hpp"

namespace breakeven {
namespace {

constexpr Index repetitions_for_an_interval = 6;  // below, no interval of the median reaches 95 %

std::string join(const std::set<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ", "));
}

std::string cases(Index count) {
  return count == 1 ? "1 case" : fmt::format("{} cases", count);
}

void warn_of_exclusions(const Study& study, std::vector<std::string>& list) {
  const ExclusionCounts counts = count_exclusions(study);
  for (const Record& record : study.records)
    if (exclusion(record) == Exclusion::failed)
      list.push_back(fmt::format("Failed: {} at n = {}: {}. Its time is withheld from every figure.",
                                 record.text("method"), record.text("n"),
                                 record.text("message").empty() ? "no reason stored" : record.text("message")));
  if (counts.oversubscribed > 0)
    list.push_back(fmt::format("{} ran with more ranks than CPUs (oversubscribed) and stand in no figure.",
                               cases(counts.oversubscribed)));
  if (counts.not_measured > 0)
    list.push_back(fmt::format("{} were predicted or simulated, not measured, and stand in no figure.",
                               cases(counts.not_measured)));
  if (counts.untimed > 0) list.push_back(fmt::format("{} hold no timed repetition.", cases(counts.untimed)));
}

void warn_of_sampling(const Study& study, std::vector<std::string>& list) {
  Index few_launches = 0, few_repetitions = 0, uncertified = 0;
  for (const Record& record : study.records) {
    if (exclusion(record) != Exclusion::none) continue;
    few_launches += static_cast<Index>(launch_medians(record).size()) < launches_for_a_claim;
    std::map<Index, Index> timed;
    for (const Sample& sample : record.samples) timed[sample.launch] += !sample.warmup;
    few_repetitions += std::any_of(timed.begin(), timed.end(),
                                   [](const auto& launch) { return launch.second < repetitions_for_an_interval; });
    uncertified += record.find("certified") != nullptr && !record.flag("certified") && record.text("role") == "fast";
  }
  if (few_launches > 0)
    list.push_back(
        fmt::format("{} rest on fewer than {} launches: what they show is indicative, not a claim that one method "
                    "is faster.",
                    cases(few_launches), launches_for_a_claim));
  if (few_repetitions > 0)
    list.push_back(
        fmt::format("{} have a launch with fewer than {} timed repetitions: no interval of their median reaches 95 %.",
                    cases(few_repetitions), repetitions_for_an_interval));
  if (uncertified > 0)
    list.push_back(fmt::format("{} of fast methods carry no certificate for their error: it was checked, not proven.",
                               cases(uncertified)));
}

void warn_of_comparability(const Study& study, std::vector<std::string>& list) {
  double most_efficient = 0;
  for (const ScalingCurve& curve : strong_scaling(study))
    for (const ScalingPoint& point : curve.points) most_efficient = std::max(most_efficient, point.efficiency);
  if (most_efficient > 1.1)  // more than a timer's noise explains
    list.push_back(
        fmt::format("A parallel efficiency of {:.0f} % was measured: the working set probably fell into a cache.",
                    100 * most_efficient));
  std::set<std::string> kernels;
  for (const Record& record : study.records)
    if (!record.text("blas_core").empty()) kernels.insert(record.text("blas_core"));
  if (kernels.size() > 1)
    list.push_back("Cases ran with different BLAS kernels (" + join(kernels) + "): do not compare them.");
  // The provenance says if the kernel is below what the CPU offers; only the process that ran could tell.
  const std::string below = fact(study, {"blas_warning", "blas_note"});
  if (!below.empty()) list.push_back("BLAS kernel: " + below);
}

}  // namespace

std::string fact(const Study& study, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    for (const Values* values : {&study.provenance, &study.environment})
      if (const Value* value = find(*values, name); value != nullptr && is_known(*value)) return to_text(*value);
  return "";
}

LaunchRange launch_range(const Study& study) {
  LaunchRange range;
  for (const Record& record : study.records) {
    if (exclusion(record) != Exclusion::none) continue;
    const auto launches = static_cast<Index>(launch_medians(record).size());
    range.fewest = range.most == 0 ? launches : std::min(range.fewest, launches);
    range.most = std::max(range.most, launches);
  }
  return range;
}

std::string measured_on(const Study& study) {
  const std::string machine = fact(study, {"cpu_model", "cpu", "machine", "host", "hostname"});
  const std::string label = fact(study, {"label"});
  const LaunchRange range = launch_range(study);
  std::string text = "Measured on " + (machine.empty() ? "a machine the file does not name" : machine);
  if (!label.empty()) text += ", label " + label;
  text += range.fewest == range.most ? fmt::format(", {} launch{}", range.most, range.most == 1 ? "" : "es")
                                     : fmt::format(", {} to {} launches", range.fewest, range.most);
  text += range.most < launches_for_a_claim
              ? fmt::format("; fewer than {}: indicative, not a claim.", launches_for_a_claim)
              : ".";
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

std::vector<std::string> warnings(const Study& study) {
  std::vector<std::string> list;
  const std::string label = fact(study, {"label"});
  if (label == "quick")
    list.push_back("Label quick: a short run that shows how the tool works; its numbers are not a measurement.");
  if (!study.complete) list.push_back("The study is not complete: cases or launches are missing.");
  warn_of_exclusions(study, list);
  warn_of_sampling(study, list);
  warn_of_comparability(study, list);
  return list;
}

}  // namespace breakeven
