#include "analysis/page/report_page.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "analysis/break_even.hpp"
#include "analysis/facts.hpp"
#include "analysis/page/embedded.hpp"
#include "analysis/page/gallery_html.hpp"
#include "analysis/page/html.hpp"
#include "analysis/page/page_data.hpp"
#include "analysis/page/verdict_text.hpp"
#include "analysis/scaling.hpp"
#include "analysis/selection.hpp"
#include "harness/calibrate.hpp"

namespace breakeven {
namespace {

using page::escape;
using page::grouped;
using page::number_html;

/// Nothing from outside the file, no plug-ins, no forms; `unsafe-inline` since the page is one file, but no
/// `unsafe-eval`.
constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

std::string head(const Study& study) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>break-even: {}</title>\n"
      "<link rel=\"icon\" href=\"data:,\">\n<style>\n{}</style>\n</head>\n",
      content_security_policy, escape(study.name), page::style());
}

std::string interval_html(const BreakEven& result) {
  if (std::isnan(result.n_low) || result.launches < 2) return "";
  const std::string low = result.n_low > 0 ? grouped(result.n_low) : "&lt;" + grouped(result.interval_from);
  const std::string high = std::isfinite(result.n_high) ? grouped(result.n_high) : "&gt;" + grouped(result.interval_to);
  return fmt::format("{} to {}", low, high);
}

std::string tile(const std::string& name, const std::string& value, const std::string& note) {
  return fmt::format("<div class=\"tile\"><dt>{}</dt><dd>{}</dd><dd class=\"note\">{}</dd></div>\n", name, value, note);
}

std::string tiles(const BreakEven& result) {
  std::string n = std::isnan(result.n) ? escape(to_text(result.verdict)) : grouped(std::round(result.n));
  if (result.verdict == Verdict::extrapolated)
    n = "&asymp;&thinsp;" + grouped(std::stod(fmt::format("{:.2g}", result.n)));
  const std::string interval = interval_html(result);
  std::string note = interval.empty() ? escape(to_text(result.verdict))
                                      : fmt::format("{}, {:.0f}&nbsp;% interval", interval, 100 * result.confidence);
  if (result.verdict == Verdict::extrapolated) note = "a model, not measured";
  const Index launches = result.launches > 0 ? result.launches : result.speed_up_launches;
  const std::string few =
      result.speed_up_launches < launches ? fmt::format(", {} launch only", result.speed_up_launches) : "";
  const std::string speed_up_note = fmt::format(
      "at {} = {}{}", result.factor, grouped(result.largest_n),
      std::isnan(result.speed_up_low) ? few
                                      : fmt::format(", {:.3g} to {:.3g}", result.speed_up_low, result.speed_up_high));
  return "<dl class=\"tiles\">\n" + tile("Break-even " + result.factor, n, note) +
         tile(std::isnan(result.n) ? "Error" : "Error there", number_html(result.error),
              std::isnan(result.skill) ? "" : "skill " + number_html(result.skill)) +
         tile("Speed-up", fmt::format("{:.3g}&times;", result.speed_up), speed_up_note) +
         tile("Launches", std::to_string(launches),
              launches < launches_for_a_claim ? "indicative: fewer than 5" : "behind the interval") +
         "</dl>\n";
}

std::string row_html(const BreakEven& result, bool names_factor) {
  std::string n = std::isnan(result.n) ? "&ndash;" : grouped(std::round(result.n));
  if (result.verdict == Verdict::below_range) n = "below " + grouped(result.smallest_n);
  if (result.verdict == Verdict::extrapolated)
    n = "&asymp;&thinsp;" + grouped(std::stod(fmt::format("{:.2g}", result.n)));
  if (names_factor) n = result.factor + " " + n;
  const std::string speed_up_interval =
      std::isnan(result.speed_up_low) ? "" : fmt::format("{:.3g} to {:.3g}", result.speed_up_low, result.speed_up_high);
  std::string data = result.data;
  if (!result.n_fixed.empty()) data += ", n " + result.n_fixed;
  if (!result.factors.empty()) data += ", " + result.factors;
  return fmt::format(
      "<tr><td class=\"name\">{}<td>{}<td class=\"name\">{}<td class=\"r\">{}<td>{}<td class=\"r\">{}<td class=\"r\">{}"
      "<small>{}</small><td><span class=\"verdict {}\">{}</span><td class=\"r\">{}<td class=\"r\">{:.3g}&times;"
      "<small>{}</small><td class=\"r\">{}</tr>\n",
      escape(result.setting.empty() ? result.method : result.method + " " + result.setting), escape(result.baseline),
      escape(data), result.d.empty() ? "&ndash;" : escape(result.d), escape(result.dtype),
      result.ranks == unknown_index ? "&ndash;" : std::to_string(result.ranks), n, interval_html(result),
      result.verdict == Verdict::not_reached ? "not-reached" : escape(to_text(result.verdict)),
      escape(to_text(result.verdict)), number_html(result.error), result.speed_up, speed_up_interval,
      grouped(result.largest_n));
}

std::string break_even_section(const std::vector<BreakEven>& results) {
  if (results.empty()) return "<p>No fast method was measured beside an exact one on the same task and ranks.</p>\n";
  std::string html =
      "<figure><div id=\"overview\" class=\"chart\"></div><figcaption>Grey bar: the measured range. Filled point: "
      "measured "
      "break-even with its interval over launches. Hollow point: a model, outside the measured "
      "range. What was compared at one size alone stands in the table.</figcaption></figure>\n";
  constexpr std::size_t short_table = 8;  // a longer one waits behind its heading
  html += results.size() <= short_table ? "<details class=\"unfold\" open>" : "<details class=\"unfold\">";
  html +=
      "<summary>The same as a table</summary><div "
      "class=\"scroll\"><table><thead><tr><th>method"
      "<th>baseline<th>data<th class=\"r\">d<th>dtype<th class=\"r\">ranks<th class=\"r\">break-even";
  if (!names_factors(results)) html += " n";
  html +=
      "<small>interval</small><th>verdict<th class=\"r\">error there<th class=\"r\">speed-up<small>interval</small>"
      "<th class=\"r\">at</tr></thead><tbody>\n";
  for (const BreakEven& result : results) html += row_html(result, names_factors(results));
  return html + "</tbody></table></div></details>\n";
}

std::string figure(const char* id, const char* title, const std::string& caption) {
  return fmt::format(
      "<figure id=\"{0}-figure\"><h3>{1}</h3><div id=\"{0}\" class=\"chart\"></div>"
      "<figcaption id=\"{0}-caption\">{2}</figcaption></figure>\n",
      id, title, caption);
}

std::string scaling_section(const Study& study) {
  std::string html = "<section id=\"scaling-section\"><h2>Strong scaling</h2>\n";
  if (strong_scaling(study).empty())
    return html +
           "<p class=\"nothing\">Every task was measured with one number of ranks only, so there is nothing to scale "
           "against. Measure the same cases with another number of ranks to see speed-up and efficiency "
           "here.</p></section>\n";
  return html + "<div class=\"pair\">" + figure("scaling", "Speed-up against ranks", "Dashed line: ideal.") +
         figure("efficiency", "Parallel efficiency",
                "1 = ideal. Above 1.1 the working set probably fell into a cache.") +
         "</div></section>\n";
}

/// A merged file lists the texts that differ between its shards: one a line, many of them folded away.
std::string value_html(const NamedValue& value) {
  constexpr std::string_view separator = " | ";
  std::string text = to_text(value.value);
  std::size_t lines = 1;
  for (std::size_t at = text.find(separator); at != std::string::npos; at = text.find(separator, at)) {
    text.replace(at, separator.size(), "\n");
    ++lines;
  }
  const std::string html = escape(text) + (value.unit.empty() || value.unit == "1" ? "" : " " + escape(value.unit));
  if (lines == 1) return html;
  return fmt::format("<details class=\"unfold\"><summary>{} different</summary>{}</details>", lines, html);
}

std::string values_html(const char* title, const Values& values) {
  if (values.empty()) return "";
  std::string html = fmt::format("<h3>{}</h3>\n<dl class=\"facts\">\n", title);
  for (const NamedValue& value : values)
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape(value.name), value_html(value));
  return html + "</dl>\n";
}

std::string ceilings_html(const std::vector<Ceiling>& ceilings) {
  if (ceilings.empty()) return "";
  std::string html =
      "<h3>Ceilings of the machine</h3>\n<div class=\"scroll\"><table><thead><tr><th>ceiling</th><th>ranks</th>"
      "<th>sharing it</th><th>message</th><th>value</th><th>host</th></tr></thead>\n<tbody>\n";
  for (const Ceiling& ceiling : ceilings)
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        escape(ceiling.quantity), ceiling.ranks, ceiling.participants,
                        ceiling.message_bytes < 0 ? "" : fmt::format("{}&nbsp;B", ceiling.message_bytes),
                        escape(value_text(ceiling)), escape(ceiling.host));
  return html + "</tbody></table></div>\n";
}

std::string warnings_section(const Study& study) {
  std::string html = "<section id=\"warnings\"><h2>Warnings</h2>\n";
  const std::vector<std::string> list = warnings(study);
  if (list.empty()) return html + "<p class=\"nothing\">None.</p></section>\n";
  html += "<ul class=\"warnings\">\n";
  for (const std::string& warning : list) html += "<li>" + escape(warning) + "</li>\n";
  return html + "</ul></section>\n";
}

std::string header_html(const Study& study, const std::vector<BreakEven>& results) {
  const BreakEven* best = page::headline(results);
  const std::size_t n_warnings = warnings(study).size();
  std::string html =
      fmt::format("<header><p class=\"kicker\">break-even report <span>{}</span></p>\n", escape(study.name));
  html +=
      "<h1 id=\"verdict\">" +
      (best != nullptr ? page::verdict_sentence(*best) : "No break-even: no fast method stands beside an exact one.") +
      "</h1>\n";
  std::string under = page::tally(results);
  if (best != nullptr) under = page::why_headline(*best, results) + " " + under;
  html += "<p class=\"under\">" + under + " " + escape(measured_on(study)) + "</p>\n";
  if (n_warnings > 0)
    html += fmt::format("<p class=\"flag\"><a href=\"#warnings\">{} {} to read first</a></p>\n", n_warnings,
                        n_warnings == 1 ? "warning" : "warnings");
  return html + (best != nullptr ? tiles(*best) : "") + "</header>\n";
}

std::string charts_html(const Study& study) {
  return "<div class=\"controls\" id=\"controls\"><label>Task <select id=\"group\"></select></label>"
         "<label><span id=\"factor\">n</span> <select id=\"size\"></select></label><p id=\"chosen\"></p></div>\n"
         "<section><h2>Time against size</h2>\n" +
         figure("time", "Set-up and run, by problem size",
                "Bars: interval over launches. Hollow: measured in fewer launches than the rest, outside intervals. "
                "Vertical lines: "
                "measured break-evens. Click a name in the legend to pick it out.") +
         "</section>\n<section id=\"winners-section\"><h2>Who wins where</h2>\n<div class=\"tools\"><label>Rows "
         "<select "
         "id=\"rows\"></select></label><label>Error at most <select id=\"most-error\"></select></label></div>" +
         figure("winners", "The fastest method",
                "Below its name: how many times as fast as the best exact method. Pale: the next one's interval meets "
                "its own, or one of them was measured in fewer launches; either may be the fastest.") +
         "</section>\n<section><h2>Error against time</h2>\n" +
         figure("front", "What accuracy costs",
                "Lower left is better. The line joins the methods that no other beats in both time and error.") +
         "</section>\n<section id=\"counts-section\"><h2>Counted work</h2>\n<label class=\"one\">Count <select "
         "id=\"count\"></select></label>" +
         figure("counts", "What the methods counted", "") + "</section>\n" + scaling_section(study) +
         "<section><h2>Time by rank</h2>\n" +
         figure("ranks", "Each rank's own median time",
                "Share of the slowest rank's time. An even row is a balanced method.") +
         "</section>\n";
}

std::string scripts(const Study& study, const std::vector<BreakEven>& results) {
  std::string html = "<script type=\"application/json\" id=\"study-data\">" +
                     page::script_json(page::page_data(study, results)) + "</script>\n";
  for (const page::Chart& chart : page::charts)
    html += fmt::format("<script type=\"application/json\" id=\"spec-{}\">{}</script>\n", chart.name,
                        page::script_json(std::string(chart.specification)));
  return html + fmt::format("<script>{}</script>\n<script>{}</script>\n", page::vega_bundle(), page::boot_script());
}

}  // namespace

std::string report_page(const Study& study, const std::optional<Gallery>& gallery) {
  const std::vector<BreakEven> results = break_evens(study);
  std::string html = head(study) + "<body>\n<main>\n" + header_html(study, results);
  html += "<section><h2>Break-even</h2>\n" + break_even_section(results) + "</section>\n";
  html += "<noscript><p class=\"nothing\">The figures need JavaScript; the table above does not.</p></noscript>\n";
  html += charts_html(study);
  if (gallery) html += page::gallery_section(*gallery);
  html +=
      "<section id=\"cases-section\"><h2>All cases</h2>\n<div class=\"tools\"><input id=\"filter\" type=\"search\" "
      "placeholder=\"Filter rows\" aria-label=\"Filter rows\"><label><input type=\"checkbox\" id=\"all-columns\"> all "
      "columns</label>"
      "<button type=\"button\" id=\"csv\">Download CSV</button></div>\n<div class=\"scroll\"><table "
      "id=\"cases\"></table></div>\n"
      "<p class=\"note\" id=\"cases-note\"></p></section>\n";
  html += "<section><h2>Provenance</h2>\n" + values_html("Program and machine", study.provenance) +
          values_html("Environment", study.environment) + ceilings_html(study.ceilings) + "</section>\n";
  html += warnings_section(study);
  html +=
      "<footer><p>The result file opens in any HDF5 viewer (h5dump, H5Web, HDFView) and in xarray and pandas.</p>"
      "<details><summary>Licences of the drawing library</summary><pre>" +
      escape(page::licences()) + "</pre></details></footer>\n";
  return html + "</main>\n" + scripts(study, results) + "</body>\n</html>\n";
}

}  // namespace breakeven
