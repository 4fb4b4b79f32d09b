#include "analysis/page/verdict_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/page/html.hpp"

namespace breakeven::page {
namespace {

std::string strong(const std::string& html) {
  return "<strong>" + html + "</strong>";
}

std::string name_of(const BreakEven& result) {
  return strong(escape(result.setting.empty() ? result.method : result.method + " (" + result.setting + ")"));
}

std::string on_ranks(const BreakEven& result) {
  if (result.ranks == unknown_index) return "";
  return fmt::format(" on {} {}", strong(std::to_string(result.ranks)), result.ranks == 1 ? "rank" : "ranks");
}

std::string at_error(const BreakEven& result) {
  if (std::isnan(result.error)) return ", at an unknown error";
  return fmt::format(", at an error of {}{}", strong(number_html(result.error)),
                     result.error >= 1 ? " (no better than answering zero)" : "");
}

std::string features(const BreakEven& result) {
  if (std::isnan(result.features_high)) return "";
  if (result.features_low == result.features_high) return "t = " + grouped(result.features_high);
  return fmt::format("t = {} to {}", grouped(result.features_low), grouped(result.features_high));
}

std::string model(const BreakEven& result) {
  if (std::isnan(result.model_n)) return "";
  return fmt::format(
      " Continuing the measured trend would put the break-even near {} = {}; that is a model, not a measurement.",
      result.factor, grouped(std::stod(fmt::format("{:.2g}", result.model_n))));
}

std::string slower_everywhere(const BreakEven& result, const std::string& baseline) {
  if (result.verdict == Verdict::never)
    return fmt::format(
        "{} never overtakes {}{}: it is slower at every measured n from {} to {}, on both sides of its {} features.{}",
        name_of(result), baseline, on_ranks(result), grouped(result.smallest_n), strong(grouped(result.largest_n)),
        features(result), model(result));
  const bool below_features = static_cast<double>(result.largest_n) < result.features_low;
  std::string reason = below_features ? fmt::format("every measured n lies below its {} features", features(result))
                                      : "it is still slower at the largest measured " + result.factor;
  if (result.crosses_repeatedly) reason = "it was faster at some " + result.factor + ", but not at the largest one";
  return fmt::format("{} has not overtaken {}{} up to {} = {}: {}.{}", name_of(result), baseline, on_ranks(result),
                     result.factor, strong(grouped(result.largest_n)), reason, model(result));
}

constexpr double accurate_error = 0.01;
bool is_accurate(const BreakEven& result) {
  return result.error < accurate_error;
}

}  // namespace

const BreakEven* headline(const std::vector<BreakEven>& results) {
  const auto worth = [](const BreakEven& result) {
    const std::map<Verdict, int> order{{Verdict::measured, 0},
                                       {Verdict::below_range, 1},
                                       {Verdict::extrapolated, 2},
                                       {Verdict::not_reached, 3},
                                       {Verdict::never, 4}};
    const bool useless = result.error >= 1;  // a wrong answer, however fast, does not open a report
    return std::tuple(useless, order.at(result.verdict), !is_accurate(result), !result.real_data,
                      std::isnan(result.error) ? 1e300 : result.error, -result.ranks);
  };
  const auto best = std::min_element(results.begin(), results.end(),
                                     [&](const BreakEven& a, const BreakEven& b) { return worth(a) < worth(b); });
  return best == results.end() ? nullptr : &*best;
}

std::string verdict_sentence(const BreakEven& result) {
  const std::string baseline = strong(escape(result.baseline));
  const bool wins = result.speed_up >= 1;
  if (result.verdict == Verdict::measured)
    return fmt::format("{} overtakes {} from {}{}{}.{}", name_of(result), baseline,
                       strong(result.factor + "&nbsp;=&nbsp;" + grouped(std::round(result.n))), at_error(result),
                       on_ranks(result), result.crosses_repeatedly ? " Below that the two take turns." : "");
  if (wins && result.verdict != Verdict::never)
    return fmt::format("{} is faster than {} at every measured {}, from {} on{}{}.{}", name_of(result), baseline,
                       result.factor, strong(grouped(result.smallest_n)), at_error(result), on_ranks(result),
                       model(result));
  return slower_everywhere(result, baseline);
}

std::string why_headline(const BreakEven& shown, const std::vector<BreakEven>& results) {
  const std::string data =
      fmt::format("{} ({}{}{})", shown.real_data ? "real data" : "synthetic data", escape(shown.data),
                  (shown.d.empty() ? "" : ", d&nbsp;=&nbsp;" + escape(shown.d)) +
                      (shown.n_fixed.empty() ? "" : ", n&nbsp;=&nbsp;" + escape(shown.n_fixed)) +
                      (shown.factors.empty() ? "" : ", " + escape(shown.factors)),
                  shown.dtype.empty() ? "" : ", " + escape(shown.dtype));
  if (shown.verdict != Verdict::measured || results.size() < 2) return "Measured on " + data + ".";
  const bool any_accurate = std::any_of(results.begin(), results.end(), [](const BreakEven& result) {
    return result.verdict == Verdict::measured && is_accurate(result);
  });
  return fmt::format("This is the most accurate measured break-even on {}{}.", data,
                     any_accurate ? "" : fmt::format("; none has an error below {}", accurate_error));
}

std::string tally(const std::vector<BreakEven>& results) {
  if (results.size() < 2) return "";
  std::map<Verdict, Index> counts;
  for (const BreakEven& result : results) ++counts[result.verdict];
  const std::pair<Verdict, const char*> words[] = {
      {Verdict::measured, "break even within the measured range"},
      {Verdict::below_range, "win at every measured n"},
      {Verdict::extrapolated, "would, by extrapolation, break even outside of it"},
      {Verdict::not_reached, "have not reached it"},
      {Verdict::never, "never do"}};
  std::vector<std::string> parts;
  for (const auto& [verdict, word] : words)
    if (counts[verdict] > 0) parts.push_back(fmt::format("{} {}", counts[verdict], word));
  return fmt::format("Of {} combinations of method, setting, data and ranks, {}.", results.size(),
                     fmt::join(parts, ", "));
}

}  // namespace breakeven::page
