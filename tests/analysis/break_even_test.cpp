#include "analysis/break_even.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "analysis/demo_study.hpp"
#include "analysis/facts.hpp"
#include "analysis/selection.hpp"
#include "analysis/synthetic.hpp"

namespace breakeven {
namespace {

using synthetic::crossing_at;
using synthetic::make;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const std::vector<Index> sizes{256, 512, 1024, 2048, 4096};

BreakEven only(const Study& study) {
  const std::vector<BreakEven> results = break_evens(study);
  EXPECT_THAT(results, SizeIs(1));
  return results.at(0);
}

TEST(BreakEven, FindsAKnownCrossingWithItsIntervalOverLaunches) {
  const BreakEven result = only(crossing_at(1500, sizes));
  EXPECT_EQ(result.verdict, Verdict::measured);
  // The ratio n / 1500 is a straight line in log-log, so interpolation is exact but for the launches' 2 % spread.
  EXPECT_NEAR(result.n, 1500, 1500 * 1e-9);
  // Launch k: exact time grows and fast time falls with k by 2 %, so crossings run from 1500 * 1.02/0.98 to its
  // inverse.
  EXPECT_NEAR(result.n_low, 1500 * 0.98 / 1.02, 1e-6);
  EXPECT_NEAR(result.n_high, 1500 * 1.02 / 0.98, 1e-6);
  EXPECT_DOUBLE_EQ(result.confidence, 1 - 2 * std::pow(0.5, 5));
  EXPECT_EQ(result.launches, 5);
  EXPECT_EQ(result.baseline, "ring");
  EXPECT_NEAR(result.speed_up, 4096.0 / 1500, 1e-9);
  EXPECT_LT(result.speed_up_low, result.speed_up);
}

TEST(BreakEven, CountsSetUpAsPartOfTheTime) {
  Study study = crossing_at(1500, sizes);
  for (Record& record : study.records)
    if (record.text("method") == "polynomial") record.set("setup_s", 1.0);  // dwarfs every time of the study
  const BreakEven result = only(study);
  EXPECT_NE(result.verdict, Verdict::measured);
  EXPECT_LT(result.speed_up, 1);
}

TEST(BreakEven, AddsEachLaunchItsOwnSetUp) {
  Record record = make({.method = "polynomial", .role = "fast", .time_s = 2, .launches = 3, .setup_s = 10}, 0);
  for (RankRecord& ranks : record.ranks) ranks.setup_s = 1.0 + static_cast<double>(ranks.launch);
  EXPECT_NEAR(launch_totals(record).at(0), 3, 1e-9);
  EXPECT_NEAR(launch_totals(record).at(2), 5, 1e-9);
  record.ranks[2].setup_s = std::nan("");
  EXPECT_NEAR(launch_totals(record).at(2), 12, 1e-9)
      << "the median over launches, where the launch's own is not stored";
  record.ranks.clear();
  EXPECT_NEAR(launch_totals(record).at(0), 12, 1e-9);
}

TEST(BreakEven, WidensItsIntervalByTheSpreadOfTheSetUp) {
  Study study = crossing_at(1500, sizes);
  const BreakEven without = only(study);
  for (Record& record : study.records)
    if (record.text("role") == "fast")
      for (RankRecord& ranks : record.ranks) ranks.setup_s = 1e-4 * static_cast<double>(4 - ranks.launch);
  const BreakEven with = only(study);
  EXPECT_GT(with.n_high / with.n_low, 1.1 * without.n_high / without.n_low);
}

TEST(BreakEven, IgnoresWarmUpRepetitions) {
  // Warm-ups are ten times slower: with them the medians of few repetitions would move.
  EXPECT_NEAR(
      launch_medians(make({.method = "ring", .role = "exact", .time_s = 2, .launches = 1, .repetitions = 1})).at(0), 2,
      1e-9);
}

TEST(BreakEven, TakesTheFastestExactMethodOfEachLaunchAsBaseline) {
  Study study = crossing_at(1500, sizes);
  for (const Index n : sizes)
    study.records.push_back(make({.method = "allgather",
                                  .role = "exact",
                                  .n = n,
                                  .time_s = static_cast<double>(n) * static_cast<double>(n) / 2e9}));
  const BreakEven result = only(study);
  EXPECT_NEAR(result.n, 3000, 150);
  EXPECT_EQ(result.baseline, "allgather");
}

TEST(BreakEven, TakesNoReferenceOrPeerAsBaseline) {
  Study study = crossing_at(1500, sizes);
  for (const char* role : {"reference", "peer"})
    for (const Index n : sizes) study.records.push_back(make({.method = role, .role = role, .n = n, .time_s = 1e-9}));
  EXPECT_NEAR(only(study).n, 1500, 1e-6);
}

TEST(BreakEven, IsNeverWhenSlowerOnBothSidesOfTheFeatureCount) {
  Study study;
  for (const Index n : sizes) {
    study.records.push_back(make({.method = "ring", .role = "exact", .n = n, .time_s = 1e-3}));
    study.records.push_back(make({.method = "polynomial", .role = "fast", .n = n, .time_s = 2e-3, .features = 1000}));
  }
  const BreakEven result = only(study);
  EXPECT_EQ(result.verdict, Verdict::never);
  EXPECT_TRUE(std::isnan(result.n));
  EXPECT_TRUE(std::isnan(result.model_n));
}

TEST(BreakEven, GivesTheModelBesideANeverWhoseTrendWouldCross) {
  const BreakEven result = only(crossing_at(10'000, sizes, 5, 1000));
  EXPECT_EQ(result.verdict, Verdict::never);
  EXPECT_TRUE(std::isnan(result.n));
  EXPECT_NEAR(result.model_n, 10'000, 1);
}

TEST(BreakEven, IsNotReachedWhenEveryMeasuredSizeIsBelowTheFeatureCount) {
  // Far beyond a factor 64: the model gives nothing either.
  const BreakEven result = only(crossing_at(1e9, sizes, 5, 75'582));
  EXPECT_EQ(result.verdict, Verdict::not_reached);
  EXPECT_TRUE(std::isnan(result.n));
}

TEST(BreakEven, ExtrapolatesByAModelWithinAFactorSixtyFour) {
  const BreakEven near = only(crossing_at(4096 * 60, sizes));
  EXPECT_EQ(near.verdict, Verdict::extrapolated);
  EXPECT_NEAR(near.n, 4096 * 60, 1);
  EXPECT_TRUE(std::isnan(near.n_low)) << "a model has no interval over launches";
  EXPECT_EQ(only(crossing_at(4096 * 70, sizes)).verdict, Verdict::not_reached);
}

TEST(BreakEven, ExtrapolatesBelowTheSmallestSizeWhenAlwaysFaster) {
  const BreakEven result = only(crossing_at(100, sizes));
  EXPECT_EQ(result.verdict, Verdict::extrapolated);
  EXPECT_NEAR(result.n, 100, 1e-6);
  EXPECT_EQ(only(crossing_at(2, sizes)).verdict, Verdict::below_range);
}

TEST(BreakEven, TakesTheLastCrossingWhenThereAreSeveral) {
  Study study;
  const double speed_ups[] = {0.5, 2, 0.5, 2, 4};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    study.records.push_back(make({.method = "ring", .role = "exact", .n = sizes[i], .time_s = 1e-3}));
    study.records.push_back(
        make({.method = "polynomial", .role = "fast", .n = sizes[i], .time_s = 1e-3 / speed_ups[i]}));
  }
  const BreakEven result = only(study);
  EXPECT_TRUE(result.crosses_repeatedly);
  EXPECT_NEAR(result.n, std::sqrt(1024.0 * 2048.0), 1e-6);
}

TEST(BreakEven, DoesNotCallAMethodAWinnerThatLosesAtTheLargestSize) {
  Study study;
  const double speed_ups[] = {0.5, 2, 2, 2, 0.5};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    study.records.push_back(make({.method = "ring", .role = "exact", .n = sizes[i], .time_s = 1e-3}));
    study.records.push_back(
        make({.method = "polynomial", .role = "fast", .n = sizes[i], .time_s = 1e-3 / speed_ups[i]}));
  }
  const BreakEven result = only(study);
  EXPECT_EQ(result.verdict, Verdict::not_reached);
  EXPECT_TRUE(result.crosses_repeatedly);
}

class BreakEvenWithout : public testing::TestWithParam<std::pair<const char*, Value>> {};

TEST_P(BreakEvenWithout, ASpoiltCaseStandsAsIfItWereNotThere) {
  Study study = crossing_at(1500, sizes);
  Study smaller = study;
  smaller.records.erase(smaller.records.begin() + 4);  // ring at n = 1024, one end of the crossing's bracket
  Record& spoilt = study.records[4];
  for (Sample& sample : spoilt.samples) sample.completion_s /= 1000;  // would move the crossing if it counted
  spoilt.set(GetParam().first, GetParam().second);
  EXPECT_DOUBLE_EQ(only(study).n, only(smaller).n);
  EXPECT_EQ(count_exclusions(study).total(), 1);
  EXPECT_THAT(break_even_table(study, break_evens(study)), HasSubstr("Left out: 1 "));
}
INSTANTIATE_TEST_SUITE_P(Reasons, BreakEvenWithout,
                         testing::Values(std::pair<const char*, Value>{"status", std::string("failed")},
                                         std::pair<const char*, Value>{"oversubscribed", true},
                                         std::pair<const char*, Value>{"converged", false},
                                         std::pair<const char*, Value>{"origin", std::string("simulated")}));

TEST(BreakEven, OfOneLaunchHasNoInterval) {
  const BreakEven result = only(crossing_at(1500, sizes, 1));
  EXPECT_NEAR(result.n, 1500, 1e-6);
  EXPECT_EQ(result.launches, 1);
  EXPECT_DOUBLE_EQ(result.confidence, 0);
  EXPECT_TRUE(std::isnan(result.speed_up_low));
  EXPECT_THAT(measured_on(crossing_at(1500, sizes, 1)), HasSubstr("indicative, not a claim"));
}

TEST(BreakEven, KeepsAPointOfFewerLaunchesOutsideItsInterval) {
  Study study = crossing_at(1500, {256, 512, 1024});
  const Study once = crossing_at(1500, {2048}, 1);
  study.records.insert(study.records.end(), once.records.begin(), once.records.end());
  const BreakEven result = only(study);
  EXPECT_EQ(result.verdict, Verdict::measured);
  EXPECT_NEAR(result.n, 1500, 1500 * 0.02);
  EXPECT_TRUE(std::isnan(result.n_low)) << "only the point measured once saw the fast method win";
  EXPECT_TRUE(result.points.back().hollow);
  EXPECT_FALSE(result.points.front().hollow);
}

TEST(BreakEven, BoundsAnOpenIntervalByTheSizesThatEveryLaunchMeasured) {
  Study study = crossing_at(1010, {256, 512, 1024});  // two of five launches cross above 1024
  const Study once = crossing_at(1010, {2048}, 1);
  study.records.insert(study.records.end(), once.records.begin(), once.records.end());
  const BreakEven result = only(study);
  EXPECT_TRUE(std::isinf(result.n_high));
  EXPECT_EQ(result.interval_to, 1024);
  EXPECT_THAT(break_even_table(study, break_evens(study)), HasSubstr(", >1024]"));
}

TEST(BreakEven, InterpolatesTheErrorBetweenTheNeighbouringSizes) {
  Study study = crossing_at(1500, sizes);
  for (Record& record : study.records)
    if (record.text("role") == "fast") record.set("error", 1 / record.number("n"));
  EXPECT_NEAR(only(study).error, 1 / 1500.0, 1e-9);
}

TEST(BreakEven, KeepsTasksAndRankCountsAndSettingsApart) {
  const std::vector<BreakEven> results = break_evens(synthetic::demo());
  EXPECT_THAT(results, SizeIs(2 * 3 * 4));  // data sets, rank counts, three degrees and favor
  for (const BreakEven& result : results)
    EXPECT_TRUE(result.method != "polynomial" || result.setting.starts_with("degree="));
}

TEST(BreakEven, SaysNothingWithoutAnExactMethodOnTheSameRanks) {
  Study study = crossing_at(1500, sizes);
  for (Record& record : study.records)
    if (record.text("role") == "exact") record.set("ranks", Index{1});
  EXPECT_THAT(break_evens(study), SizeIs(0));
  EXPECT_THAT(break_even_table(study, {}), HasSubstr("No fast method"));
}

TEST(BreakEvenTable, FitsAHundredColumnsAndNamesEveryPart) {
  Study study = synthetic::demo();
  for (Record& record : study.records)
    for (Column& column : record.columns)
      if (column.name == "degree")  // a second, long parameter has to wrap
        record.columns.push_back(
            {"coefficients", std::string(record.index("degree") == 2 ? "taylor" : "chebyshev"), "", "", "parameter"});
  const std::string table = break_even_table(study, break_evens(study));
  EXPECT_THAT(table, HasSubstr("break-even"));
  EXPECT_THAT(table, HasSubstr("polynomial degree=4"));
  EXPECT_THAT(table, HasSubstr("coefficients=taylor"));
  EXPECT_THAT(table, HasSubstr("made-up processor"));
  EXPECT_THAT(table, HasSubstr("1 failed, 1 oversubscribed"));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }), 100) << line;
}

TEST(BreakEvenTable, NamesTheFactorsThatTellItsRowsApart) {
  Study study;
  for (const double condition : {1.0, 1e8})
    for (const Index n : {1024, 2048})
      for (const char* method : {"ring", "polynomial"}) {
        Record record = make({.method = method, .role = method == std::string("ring") ? "exact" : "fast", .n = n});
        record.columns.push_back({"condition", condition, "1", "condition number", "factor"});
        record.columns.push_back({"ridge", 0.5, "1", "the same everywhere", "factor"});
        study.records.push_back(record);
      }
  const std::string table = break_even_table(study, break_evens(study));
  EXPECT_THAT(table, HasSubstr("polynomial condition 1e"));
  EXPECT_THAT(table, Not(HasSubstr("ridge")));
}

/// The lines between the first rule and the last, headings aside.
std::vector<std::string> rows_of(const std::string& table) {
  std::vector<std::string> lines;
  std::istringstream text(table);
  int rules = 0;
  for (std::string line; std::getline(text, line) && rules < 3;) {
    const bool is_rule = line.starts_with("─");
    rules += is_rule;
    if (rules == 2 && !is_rule) lines.push_back(line);
  }
  return lines;
}

TEST(BreakEvenTable, WrapsNoMethodThatHasRoom) {
  Study study = crossing_at(1500, sizes);
  const Study rougher = crossing_at(800, sizes);
  study.records.insert(study.records.end(), rougher.records.begin(), rougher.records.end());
  for (std::size_t i = 0; i < study.records.size(); ++i) {
    Record& record = study.records[i];
    const bool first = i < study.records.size() / 2;
    record.columns.push_back({"degree", Index{first ? 2 : 4}, "", "", "parameter"});
    record.columns.push_back({"centre", std::string(first ? "true" : "false"), "", "", "parameter"});
  }
  EXPECT_THAT(rows_of(break_even_table(study, break_evens(study))), SizeIs(2));
}

TEST(BreakEvenTable, ShortensALongInputNameInTheMiddleAndSaysWhich) {
  Study study = crossing_at(1500, sizes);
  for (Record& record : study.records) record.set("input", std::string("folder/patches.h5"));
  EXPECT_THAT(break_even_table(study, break_evens(study)), HasSubstr(" patches "));
  const std::string name = "patches_of_all_seventy_thousand_images_normalised_and_shuffled_twice";
  for (Record& record : study.records) record.set("input", "folder/" + name + ".h5");
  const std::string table = break_even_table(study, break_evens(study));
  const std::vector<std::string> rows = rows_of(table);
  ASSERT_THAT(rows, SizeIs(1)) << table;
  EXPECT_LE(rows[0].size(), 100u);
  EXPECT_THAT(rows[0], testing::ContainsRegex(" patches_of_all.*[.][.].*twice "));
  EXPECT_THAT(table, HasSubstr(name));
}

TEST(BreakEvenTable, LetsNoControlCharacterOfAFileReachTheTerminal) {
  Study study = crossing_at(1500, sizes);
  study.name = "\x1b]0;owned\a";
  for (Record& record : study.records) record.set("data", std::string("\x1b[2J"));
  study.provenance = {{"cpu_model", std::string("\x1b[31m"), "", ""}};
  EXPECT_EQ(break_even_table(study, break_evens(study)).find('\x1b'), std::string::npos);
}

TEST(MeasuredOn, SaysWhichSizesHaveFewerLaunches) {
  EXPECT_THAT(measured_on(crossing_at(1500, sizes)), HasSubstr(" in 5 launches."));
  EXPECT_THAT(measured_on(crossing_at(1500, sizes, 1)), HasSubstr(" in 1 launch."));
  EXPECT_THAT(measured_on(Study{}), HasSubstr("Nothing was measured"));
  Study study = crossing_at(1500, {256, 512, 1024});
  const Study once = crossing_at(1500, {2048}, 1);
  study.records.insert(study.records.end(), once.records.begin(), once.records.end());
  study.label = "quick";
  EXPECT_THAT(measured_on(study), HasSubstr(" in 5 launches up to n = 1024, 1 above; label: quick."));
  const Study twice = crossing_at(1500, {128}, 2);
  study.records.insert(study.records.end(), twice.records.begin(), twice.records.end());
  EXPECT_THAT(measured_on(study), HasSubstr(" in 5 launches, fewer for 4 of 10 cases"));
}

TEST(ShortSize, KeepsThreeToFiveDigits) {
  const std::pair<double, const char*> rows[] = {{7.4, "7"},        {999, "999"},      {3414, "3410"},
                                                 {12'341, "12340"}, {123'456, "123k"}, {1'234'567, "1.23M"}};
  for (const auto& [n, text] : rows) EXPECT_EQ(short_size(n), text);
}

TEST(BreakEven, RunsOverDWhereNIsFixedAndDIsNot) {
  Study study;
  for (const Index d : {32, 64, 128, 256}) {
    const auto columns = static_cast<double>(d);
    study.records.push_back(
        synthetic::make({.method = "ring", .role = "exact", .n = 5000, .time_s = columns * columns / 1e6, .d = d}));
    study.records.push_back(
        synthetic::make({.method = "polynomial", .role = "fast", .n = 5000, .time_s = 100 * columns / 1e6, .d = d}));
  }
  const BreakEven result = only(study);
  EXPECT_EQ(result.factor, "d");
  EXPECT_EQ(result.verdict, Verdict::measured);
  EXPECT_NEAR(result.n, 100, 1);
  EXPECT_EQ(result.n_fixed, "5000");
  EXPECT_EQ(result.d, "");
  const std::string table = break_even_table(study, break_evens(study));
  EXPECT_THAT(table, HasSubstr("d 100 ["));
  EXPECT_THAT(table, HasSubstr("n 5000"));
}

TEST(BreakEven, RunsOverNWhereBothVary) {
  Study study = synthetic::crossing_at(1500, {1024, 2048, 4096});
  for (const Index d : {16, 32})
    for (Record record : synthetic::crossing_at(1500, {1024, 2048, 4096}).records) {
      record.set("d", d);
      study.records.push_back(record);
    }
  const std::vector<BreakEven> results = break_evens(study);
  ASSERT_EQ(results.size(), 3u);
  for (const BreakEven& result : results) EXPECT_EQ(result.factor, "n");
}

}  // namespace
}  // namespace breakeven
