#include "analysis/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
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

/// "1 case was", "3 cases were"
std::string cases(Index count, const char* verb_of_one, const char* verb_of_many) {
  return count == 1 ? fmt::format("1 case {}", verb_of_one) : fmt::format("{} cases {}", count, verb_of_many);
}

void warn_of_exclusions(const Study& study, std::vector<std::string>& list) {
  const ExclusionCounts counts = count_exclusions(study);
  for (const Record& record : study.records)
    if (exclusion(record) == Exclusion::failed)
      list.push_back(fmt::format("{} at n = {} failed: {}. Its time appears in no figure.", record.text("method"),
                                 record.text("n"),
                                 record.text("message").empty() ? "no reason is stored" : record.text("message")));
  if (counts.oversubscribed > 0)
    list.push_back(cases(counts.oversubscribed, "was", "were") +
                   " oversubscribed: more ranks than CPUs, so that ranks waited for a CPU. Left out of every figure.");
  if (counts.not_measured > 0)
    list.push_back(cases(counts.not_measured, "was", "were") +
                   " predicted or simulated, not measured. Left out of every figure.");
  if (counts.not_converged > 0)
    list.push_back(cases(counts.not_converged, "ended", "ended") +
                   " short of the accuracy asked for (not converged). Left out of every figure.");
  if (counts.untimed > 0)
    list.push_back(cases(counts.untimed, "has", "have") + " no timed repetition. Left out of every figure.");
}

void warn_of_sampling(const Study& study, std::vector<std::string>& list) {
  Index few_launches = 0, few_repetitions = 0, uncertified = 0;
  for (const Record& record : study.records) {
    if (exclusion(record) != Exclusion::none) continue;
    const auto launches = static_cast<Index>(launch_medians(record).size());
    const auto repetitions = std::count_if(record.samples.begin(), record.samples.end(),
                                           [](const Sample& sample) { return !sample.warmup; });
    few_launches += launches < launches_for_a_claim;
    few_repetitions += launches == 1 && repetitions < repetitions_for_an_interval;
    uncertified += record.find("certified") != nullptr && !record.flag("certified") && record.text("role") == "fast";
  }
  if (few_launches > 0)
    list.push_back(fmt::format("{} measured in fewer than {} launches: too few to claim that one method is faster.",
                               cases(few_launches, "was", "were"), launches_for_a_claim));
  if (few_repetitions > 0)
    list.push_back(
        fmt::format("{} measured in one launch with fewer than {} timed repetitions: the bar covers the "
                    "true median with less than 95 % confidence.",
                    cases(few_repetitions, "was", "were"), repetitions_for_an_interval));
  if (uncertified > 0)
    list.push_back(cases(uncertified, "of a fast method has", "of fast methods have") +
                   " no proven error bound. The errors shown were measured.");
}

void warn_of_comparability(const Study& study, std::vector<std::string>& list) {
  double most_efficient = 0;
  for (const ScalingCurve& curve : strong_scaling(study))
    for (const ScalingPoint& point : curve.points) most_efficient = std::max(most_efficient, point.efficiency);
  if (most_efficient > 1.1)  // more than a timer's noise explains
    list.push_back(
        fmt::format("A parallel efficiency of {:.0f} % was measured, more than ideal: probably the data of one rank "
                    "fit into a cache and those of fewer ranks did not.",
                    100 * most_efficient));
  std::set<std::string> kernels;
  for (const Record& record : study.records)
    if (!record.text("blas_core").empty()) kernels.insert(record.text("blas_core"));
  if (kernels.size() > 1)
    list.push_back("Cases ran with different BLAS kernels (" + join(kernels) + "): do not compare their times.");
  // The provenance says if the kernel is below what the CPU offers; only the process that ran could tell.
  const std::string below = fact(study, {"blas_warning", "blas_note"});
  if (!below.empty()) list.push_back("BLAS kernel: " + below);
}

/// "5 launches", "5 launches up to n = 16384, 1 above", "5 launches, fewer for 3 of 20 cases"
std::string launches_text(const Study& study, Index most) {
  const auto launches = [](Index count) { return fmt::format("{} launch{}", count, count == 1 ? "" : "es"); };
  Index measured = 0, fewer = 0, largest_full = 0, smallest_fewer = std::numeric_limits<Index>::max();
  std::set<Index> above;
  for (const Record& record : study.records) {
    if (exclusion(record) != Exclusion::none) continue;
    const auto count = static_cast<Index>(launch_medians(record).size());
    const Index n = record.index("n");
    ++measured;
    if (count == most) {
      largest_full = std::max(largest_full, n);
      continue;
    }
    ++fewer;
    above.insert(count);
    smallest_fewer = std::min(smallest_fewer, n);
  }
  if (fewer == 0) return launches(most);
  if (above.size() == 1 && largest_full < smallest_fewer)
    return fmt::format("{} up to n = {}, {} above", launches(most), largest_full, *above.begin());
  return fmt::format("{}, fewer for {} of {} cases", launches(most), fewer, measured);
}

}  // namespace

std::string fact(const Study& study, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    for (const Values* values : {&study.provenance, &study.environment})
      if (const Value* value = find(*values, name); value != nullptr && is_known(*value)) return to_text(*value);
  return "";
}

std::string measured_on(const Study& study) {
  const std::string machine = fact(study, {"cpu_model", "cpu", "machine", "host", "hostname"});
  Index most = 0;
  for (const Record& record : study.records)
    if (exclusion(record) == Exclusion::none) most = std::max(most, static_cast<Index>(launch_medians(record).size()));
  if (most == 0) return "Nothing was measured.";
  std::string text = fmt::format("Measured on {} in {}", machine.empty() ? "a machine the file does not name" : machine,
                                 launches_text(study, most));
  if (!study.label.empty()) text += "; label: " + study.label;
  text += ".";
  if (most < launches_for_a_claim)
    text += fmt::format(" Fewer than {}: indicative, not a claim.", launches_for_a_claim);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

std::vector<std::string> warnings(const Study& study) {
  std::vector<std::string> list;
  if (study.label == "quick")
    list.push_back("A quick run: few repetitions, made to show how the tool works. Do not publish its numbers.");
  if (!study.complete) list.push_back("The study is not complete: cases or launches are missing.");
  warn_of_exclusions(study, list);
  warn_of_sampling(study, list);
  warn_of_comparability(study, list);
  return list;
}

}  // namespace breakeven
