#include "analysis/page/report_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "analysis/demo_study.hpp"
#include "analysis/page/embedded.hpp"
#include "analysis/page/verdict_text.hpp"
#include "analysis/synthetic.hpp"

namespace breakeven {
namespace {

using synthetic::crossing_at;
using testing::HasSubstr;
using testing::Not;

std::string script_of(const std::string& page, const std::string& id) {
  const std::string opening = "<script type=\"application/json\" id=\"" + id + "\">";
  const std::size_t begin = page.find(opening) + opening.size();
  return page.substr(begin, page.find("</script>", begin) - begin);
}

nlohmann::json data_of(const Study& study) {
  return nlohmann::json::parse(script_of(report_page(study), "study-data"));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

const std::string hostile = "</script><img src=x onerror=alert(1)><!--<script>";

/// A study whose every text says something to a careless page.
Study hostile_study() {
  Study study = crossing_at(1500, {512, 1024, 2048});
  study.name = hostile;
  for (Record& record : study.records)
    for (const char* column : {"method", "data", "message", "blas_core"})
      record.set(column, record.text("method") + hostile);
  study.records[0].set("status", std::string("failed"));
  study.provenance = {{hostile, hostile, "", ""}};
  return study;
}

/// Five methods whose names fill a line each, on data of a file, merged from many shards.
Study long_names() {
  Study study = crossing_at(1500, {512, 1024, 2048, 4096}, 5, 495);
  study.name = "long names";
  const std::vector<Record> plain = study.records;
  const std::pair<Index, const char*> settings[] = {{2, "taylor"}, {2, "minimax"}, {4, "taylor"}, {4, "minimax"}};
  study.records.clear();
  for (const Record& record : plain) {
    const bool exact = record.text("role") == "exact";
    for (const auto& [degree, coefficients] : settings) {
      Record& one = study.records.emplace_back(record);
      one.set("input", std::string("inputs/fashion_patches_normalised.h5"));
      if (exact) break;
      const double harder =
          static_cast<double>(degree * degree) / 8 + (std::string(coefficients) == "taylor" ? 0 : 0.3);
      for (Sample& sample : one.samples) sample.completion_s *= harder;
      one.set("error", std::pow(10.0, -static_cast<double>(degree)) * harder);
      one.columns.push_back({"degree", degree, "1", "", "parameter"});
      one.columns.push_back({"coefficients", std::string(coefficients), "", "", "parameter"});
    }
  }
  study.provenance = {
      {"command", std::string("attention --n 8 --launch=0,1,2 | attention --n 16 --launch=0,1"), "", ""},
      {"cpu_model", std::string("made-up processor"), "", ""}};
  return study;
}

TEST(ReportPage, FoldsTheCommandsOfAMergedStudyAway) {
  const std::string page = report_page(long_names());
  EXPECT_THAT(page, HasSubstr("<summary>2 different</summary>attention --n 8 --launch=0,1,2\nattention --n 16"));
  EXPECT_THAT(page, HasSubstr("<dt>cpu_model</dt><dd>made-up processor</dd>")) << "one text needs no fold";
}

TEST(ReportPage, HoldsSpecificationsThatAreJson) {
  const std::string page = report_page(crossing_at(1500, {512, 1024, 2048}));
  for (const page::Chart& chart : page::charts) {
    const auto spec = nlohmann::json::parse(script_of(page, "spec-" + std::string(chart.name)));
    EXPECT_TRUE(spec.contains("layer")) << chart.name;
    EXPECT_TRUE(spec.contains("description")) << chart.name << " needs a text for screen readers";
  }
}

TEST(ReportPage, HoldsEveryColumnOfEveryCaseAndWhatBoundsIt) {
  const Study study = crossing_at(1500, {512, 1024, 2048});
  const auto cases = data_of(study)["cases"];
  EXPECT_EQ(cases["rows"], study.records.size());
  EXPECT_EQ(cases["columns"].size(), study.records[0].columns.size() + 2);
  std::set<std::string> names;
  for (const auto& column : cases["columns"]) {
    names.insert(column["name"]);
    if (column["name"] == "n") {
      EXPECT_EQ(column["values"][2], 1024);
    }
  }
  EXPECT_TRUE(names.contains("ceiling_share") && names.contains("bound_by"));
}

TEST(ReportPage, WithholdsTheTimeOfAFailedCaseFromEveryFigure) {
  Study study = crossing_at(1500, {512, 1024, 2048});
  const std::size_t before = data_of(study)["points"]["n"].size();
  study.records[1].set("status", std::string("failed"));
  study.records[1].set("message", std::string("error above its bound"));
  const auto data = data_of(study);
  EXPECT_EQ(data["points"]["n"].size(), before - 1);
  EXPECT_EQ(data["cases"]["rows"], study.records.size()) << "the table still shows it";
  EXPECT_THAT(report_page(study), HasSubstr("error above its bound"));
}

TEST(ReportPage, MarksPointsOfFewerLaunchesAsHollow) {
  const auto data = data_of(synthetic::demo());
  const auto& points = data["points"];
  for (std::size_t i = 0; i < points["n"].size(); ++i)
    EXPECT_EQ(points["hollow"][i].get<bool>(), points["n"][i] == 65536);
}

// Two data sets on 1, 2 and 4 ranks: a map of winners over the ranks for each; no other number varies.
TEST(ReportPage, JoinsCurvesThatDifferInOneNumberAloneToMaps) {
  std::map<int, std::set<double>> rows;
  std::map<int, std::set<std::string>> data;
  const auto study = data_of(synthetic::demo());
  for (const auto& group : study["groups"]) {
    ASSERT_EQ(group["maps"].size(), 1u) << group;
    const auto& map = group["maps"][0];
    EXPECT_EQ(map["factor"], "ranks");
    rows[map["map"]].insert(map["value"].get<double>());
    const std::string label = group["label"];
    data[map["map"]].insert(label.substr(0, label.find(',')));
  }
  EXPECT_THAT(rows, testing::SizeIs(2));
  for (const auto& [map, values] : rows) EXPECT_EQ(values, (std::set<double>{1, 2, 4}));
  for (const auto& [map, labels] : data) EXPECT_THAT(labels, testing::SizeIs(1)) << "data are told apart";
}

TEST(ReportPage, KeepsAHostileStringInert) {
  const Study study = hostile_study();
  const std::string page = report_page(study);
  // The library holds some of these words itself: the hostile page must hold not one more than the plain one.
  const std::string plain = report_page(crossing_at(1500, {512, 1024, 2048}));
  for (const char* markup : {"<img", "<!--", "<script", "</script"})
    EXPECT_EQ(count(page, markup), count(plain, markup)) << markup;
  EXPECT_EQ(nlohmann::json::parse(script_of(page, "study-data"))["study"], hostile) << "and none is changed";
}

TEST(ReportPage, StaysWithinItsSize) {
  EXPECT_LE(report_page(synthetic::demo()).size(), 1'500'000u);
}

TEST(ReportPage, ForbidsEverythingFromOutside) {
  const std::string page = report_page(crossing_at(1500, {512, 1024}));
  EXPECT_THAT(
      page,
      HasSubstr(
          "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\""));
  EXPECT_THAT(page, Not(HasSubstr("unsafe-eval")));
  EXPECT_FALSE(std::regex_search(page, std::regex("<(link|img|script)[^>]*(src|href)=\"http"))) << "no file is fetched";
}

TEST(ReportPage, OfAnEmptyStudySaysSo) {
  const std::string page = report_page(Study{});
  EXPECT_THAT(page, HasSubstr("No break-even"));
  EXPECT_THAT(page, HasSubstr("not complete"));
}

TEST(Verdict, SaysFromWhichSizeAtWhichErrorOnHowManyRanks) {
  const std::string sentence = page::verdict_sentence(break_evens(crossing_at(1500, {512, 1024, 2048})).at(0));
  EXPECT_THAT(sentence, HasSubstr("n&nbsp;=&nbsp;1,500"));
  EXPECT_THAT(sentence, HasSubstr("1.0&times;10<sup>&minus;3</sup>"));
  EXPECT_THAT(sentence, HasSubstr("<strong>2</strong> ranks"));
}

TEST(Verdict, SaysWhyABreakEvenIsNotReached) {
  const std::string sentence =
      page::verdict_sentence(break_evens(crossing_at(1e9, {512, 1024, 2048}, 5, 75'582)).at(0));
  EXPECT_THAT(sentence, HasSubstr("every measured n lies below its t = 75,582 features"));
}

TEST(Verdict, NeverPassesAModelOffAsAMeasurement) {
  const std::string sentence = page::verdict_sentence(break_evens(crossing_at(9000, {512, 1024, 2048})).at(0));
  EXPECT_THAT(sentence, HasSubstr("a model, not a measurement"));
}

TEST(Verdict, OpensWithAnAccurateResultNotWithAUselessOne) {
  std::vector<BreakEven> results(2);
  results[0].verdict = Verdict::measured, results[0].error = 1.2;
  results[1].verdict = Verdict::not_reached, results[1].error = 1e-3;
  EXPECT_EQ(page::headline(results), &results[1]);
}

TEST(Verdict, PrefersRealDataAmongAccurateResultsThenTheMostAccurate) {
  std::vector<BreakEven> results(4);
  for (BreakEven& result : results) result.verdict = Verdict::measured;
  results[0].error = 1e-6;  // synthetic
  results[1].error = 8e-3, results[1].real_data = true;
  results[2].error = 5e-3, results[2].real_data = true, results[2].data = "patches.h5", results[2].d = "16";
  results[3].error = 2e-2, results[3].real_data = true;
  ASSERT_EQ(page::headline(results), &results[2]);
  EXPECT_EQ(page::why_headline(results[2], results),
            "This is the most accurate measured break-even on real data (patches.h5, d&nbsp;=&nbsp;16).");
  results[1].error = results[2].error = 0.03;
  EXPECT_EQ(page::headline(results), &results[0]) << "real data do not make a rough answer worth opening with";
  results.erase(results.begin());
  EXPECT_EQ(page::headline(results), &results[2]);
  EXPECT_THAT(page::why_headline(results[2], results), HasSubstr("none has an error below 0.01"));
}

TEST(ReportPage, OpensItsFiguresWithTheTaskOfTheHeadline) {
  Study study = crossing_at(1500, {512, 1024, 2048});
  Study real = crossing_at(1500, {512, 1024, 2048});
  for (Record& record : real.records) record.set("input", std::string("patches.h5"));
  study.records.insert(study.records.end(), real.records.begin(), real.records.end());
  EXPECT_EQ(data_of(study)["shown"], 1);
}

TEST(ReportPage, SaysALabelInHeaderAndFigures) {
  Study study = crossing_at(1500, {512, 1024, 2048});
  study.label = "quick";
  EXPECT_THAT(report_page(study), HasSubstr("label: quick"));
  EXPECT_THAT(report_page(study), HasSubstr("A quick run"));
  EXPECT_EQ(data_of(study)["label"], "quick");
}

/// Not a check but a tool: with BREAKEVEN_DEMO_FOLDER=FOLDER in the environment it writes pages of made-up studies
/// there, to be looked at and for page_test.mjs.
TEST(ReportPage, WritesDemonstrationsWhereTheEnvironmentAsksForThem) {
  const char* folder = std::getenv("BREAKEVEN_DEMO_FOLDER");
  if (folder == nullptr) GTEST_SKIP() << "BREAKEVEN_DEMO_FOLDER is not set";
  const std::pair<const char*, Study> studies[] = {{"demo", synthetic::demo()},
                                                   {"one_launch", crossing_at(1500, {512, 1024, 2048}, 1, 495)},
                                                   {"not_reached", crossing_at(1e9, {512, 1024, 2048}, 5, 75'582)},
                                                   {"long_names", long_names()},
                                                   {"hostile", hostile_study()},
                                                   {"empty", Study{}}};
  for (const auto& [name, study] : studies) {
    std::ofstream file(std::string(folder) + "/" + name + ".html");
    file << report_page(study);
    EXPECT_TRUE(file.good()) << name;
  }
}

}  // namespace
}  // namespace breakeven
