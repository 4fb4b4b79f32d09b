#include "study/study_file.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/sweep.hpp"

namespace breakeven {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A registry of one problem: ring takes n and d, polynomial a degree beside them.
std::vector<std::string> accepted(const std::string& problem, const std::vector<std::string>& methods) {
  if (problem != "attention/forward") throw BadRequest("unknown problem '" + problem + "'");
  std::vector<std::string> names{"n", "d", "d_value", "scale", "causal"};
  for (const std::string& method : methods) {
    if (method == "polynomial") names.emplace_back("degree");
    if (method != "polynomial" && method != "ring") throw BadRequest("unknown method '" + method + "'");
  }
  return names;
}

StudyFile parse(const std::string& text) {
  return parse_study(text, "s.toml", accepted);
}

std::string message_of(const std::string& text) {
  try {
    parse(text);
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "no error";
}

const std::string head = "name = \"small\"\nranks = 2\n[[sweep]]\nproblem = \"attention/forward\"\n";  // 4 lines
const std::string both = head + "methods = [\"ring\", \"polynomial\"]\n";                              // 5 lines

TEST(StudyFile, HoldsNameDefaultsAndSweeps) {
  const StudyFile study = parse("label = \"quick\"\nlaunches = 3\n" + both + "n = [64, 128]\n");
  EXPECT_EQ(study.name, "small");
  EXPECT_EQ(study.label, "quick");
  ASSERT_EQ(study.sweeps.size(), 1u);
  EXPECT_EQ(study.sweeps[0].family, "attention");
  EXPECT_EQ(study.sweeps[0].problem, "forward");
  EXPECT_THAT(study.sweeps[0].methods, ElementsAre("ring", "polynomial"));
  EXPECT_EQ(study.sweeps[0].launches, 3);
  EXPECT_THAT(study.sweeps[0].ranks, ElementsAre(2));
}

TEST(StudyFile, AsksForFiveLaunchesUnlessTold) {
  EXPECT_EQ(parse(both).sweeps[0].launches, 5);
}

TEST(StudyFile, LetsASweepOverrideLaunchesAndRanks) {
  const StudyFile study = parse(both + "launches = 1\nranks = [4, \"all\", 4]\n");
  EXPECT_EQ(study.sweeps[0].launches, 1);
  EXPECT_THAT(study.sweeps[0].ranks, ElementsAre(4, all_cores));
}

TEST(StudyFile, TakesTheFamilyAsAKey) {
  const StudyFile study =
      parse("name = \"s\"\nranks = 1\n[[sweep]]\nproblem = \"forward\"\nfamily = \"attention\"\nmethods = \"ring\"\n");
  EXPECT_EQ(study.sweeps[0].family, "attention");
  EXPECT_EQ(study.sweeps[0].problem, "forward");
}

TEST(StudyFile, WritesValuesAsTheDriversReadThem) {
  const StudyFile study = parse(both +
                                "n = \"64..4Ki*2\"\nd_value = [8, \"1Ki\"]\ndegree = [1, 2, 2]\n"
                                "causal = [true, false]\nscale = 0.125\nseed = 0\nsave-solution = true\n");
  std::vector<std::string> written;
  for (const SweepOption& option : study.sweeps[0].options) written.push_back(option.name + " " + option.text);
  EXPECT_THAT(written, ElementsAre("n 64..4Ki*2", "d-value 8,1Ki", "degree 1,2,2", "causal true,false", "scale 0.125",
                                   "seed 0", "save-solution true"));
  EXPECT_EQ(study.sweeps[0].options[0].count, 7);
  EXPECT_EQ(study.sweeps[0].options[0].numbers.back(), 4096);
  EXPECT_EQ(study.sweeps[0].options[2].count, 2) << "the drivers drop duplicates";
  EXPECT_TRUE(study.sweeps[0].options[6].is_switch);
}

TEST(StudyFile, MultipliesAnOptionOnlyForTheMethodsThatDeclareIt) {
  const StudyFile study = parse(both + "n = [64, 128, 256]\ndegree = [1, 2]\ndtype = [\"f32\", \"f64\"]\n");
  EXPECT_EQ(study.sweeps[0].cases, 3 * 2 + 3 * 2 * 2);  // ring: n x dtype, polynomial: n x degree x dtype
}

TEST(StudyFile, DerivesTheSeedFromTheNameUnlessGiven) {
  EXPECT_EQ(parse(both).seed, parse("launches = 2\n" + both).seed);
  EXPECT_NE(parse(both).seed, parse("name = \"other\"" + both.substr(both.find('\n'))).seed);
  EXPECT_EQ(parse("seed = 7\n" + both).seed, 7u);
}

struct BadStudy {
  std::string text;
  std::string begins;  ///< path, line and column
  std::string says;
};
class BadStudyFile : public ::testing::TestWithParam<BadStudy> {};

TEST_P(BadStudyFile, IsRefusedWithPlaceAndReason) {
  EXPECT_THAT(message_of(GetParam().text), AllOf(StartsWith(GetParam().begins), HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    Every, BadStudyFile,
    ::testing::Values(
        BadStudy{"name = ", "s.toml:1:", "value"},                                           // broken TOML
        BadStudy{"nam = \"s\"\n", "s.toml:1:1: ", "did you mean 'name'?"},                   // slip at the top
        BadStudy{both + "degre = 3\n", "s.toml:6:1: ", "did you mean 'degree'?"},            // slip in a sweep
        BadStudy{head + "methods = \"ring\"\ndegree = 3\n", "s.toml:6:1: ", "unknown key"},  // of another method
        BadStudy{both + "d_value = 3\nd-value = 3\n", "s.toml:7:1: ", "given twice"},        // one key, two spellings
        BadStudy{both + "label = \"x\"\n", "s.toml:6:1: ", "unknown key 'label'"},           // a key of the study
        BadStudy{both + "out = \"/etc\"\n", "s.toml:6:1: ", "unknown key 'out'"},          // where to write is not data
        BadStudy{both + "n = [[64]]\n", "s.toml:6:6: ", "got a list"},                     // nested
        BadStudy{both + "n = {a = 1}\n", "s.toml:6:5: ", "got a table"},                   //
        BadStudy{both + "n = []\n", "s.toml:6:5: ", "empty list"},                         //
        BadStudy{both + "n = nan\n", "s.toml:6:5: ", "nan"},                               //
        BadStudy{both + "n = 1979-05-27\n", "s.toml:6:5: ", "got a date"},                 //
        BadStudy{both + "n = \"64..4Ki\"\n", "s.toml:6:1: ", "a..b*factor"},               // no step
        BadStudy{both + "scale = \"a\\u0000b\"\n", "s.toml:6:9: ", "control characters"},  // would end the argument
        BadStudy{both + "repetitions = 0\n", "s.toml:6:1: ", "repetitions must be"},       //
        BadStudy{both + "repetitions = [1, 2]\n", "s.toml:6:1: ", "one value"},            // not a factor
        BadStudy{both + "budget = \"long\"\n", "s.toml:6:1: ", "budget must be"},          //
        BadStudy{both + "dtype = \"f16\"\n", "s.toml:6:1: ", "f32"},                       //
        BadStudy{both + "save-solution = 1\n", "s.toml:6:1: ", "true or false"},           //
        BadStudy{both + "launches = 0\n", "s.toml:6:12: ", "launches must be"},            //
        BadStudy{both + "ranks = [2, \"some\"]\n", "s.toml:6:13: ", "ranks must be"},      //
        BadStudy{both + "n = \"1..5000+1\"\ndegree = \"1..5000+1\"\n", "s.toml:3:1: ", "cases"},  // a slip in a range
        BadStudy{head + "methods = [\"rings\"]\n", "s.toml:5:1: ", "unknown method 'rings'"},     //
        BadStudy{head + "methods = [\"ring\", \"ring\"]\n", "s.toml:5:20: ", "twice"},            //
        BadStudy{head, "s.toml:4:1: ", "needs the key 'methods'"},                                //
        BadStudy{"name = \"s\"\n[[sweep]]\nproblem = \"attention/forward\"\nmethods = \"ring\"\n",
                 "s.toml:2:1: ", "'ranks' is missing"},
        BadStudy{"name = \"s\"\nranks = 1\n[[sweep]]\nproblem = \"forward\"\nmethods = \"ring\"\n",
                 "s.toml:4:1: ", "family/problem"},
        BadStudy{"name = \"../s\"\n", "s.toml:1:1: ", "a-z"},                  // becomes a folder
        BadStudy{"name = \"s\"\nsweep = 3\n", "s.toml:2:9: ", "[[sweep]]"}));  //

TEST(StudyFile, PassesValuesToTheCheckOfTheRegistry) {
  const ValueCheck check = [](const std::string&, const std::vector<std::string>&, const std::string& option,
                              const std::string& text) {
    if (option == "n") expand_list(text, {"n", "", "", Index{1}, {}});
  };
  EXPECT_THROW(parse_study(both + "n = 1.5\n", "s.toml", accepted, check), BadRequest);
  EXPECT_NO_THROW(parse_study(both + "n = 15\n", "s.toml", accepted, check));
}

TEST(StudyFile, RefusesAFileAboveOneMiB) {
  EXPECT_THAT(message_of(std::string((std::size_t{1} << 20) + 1, '#')), HasSubstr("1 MiB"));
}

TEST(StudyFile, RefusesValuesNestedWithoutEnd) {
  EXPECT_THAT(message_of("name = " + std::string(100'000, '[')), StartsWith("s.toml:1:"));
}

TEST(StudyFile, SaysThatAFileCannotBeRead) {
  EXPECT_THROW(read_study("/nowhere/s.toml", accepted), BadRequest);
  EXPECT_THROW(read_study("/", accepted), BadRequest);
}

TEST(StudyFile, RefusesKeysNestedTooDeeplyForTheStack) {
  std::string chain;
  for (int i = 0; i < 200'000; ++i) chain += "a.";
  EXPECT_THAT(message_of("name = \"small\"\n" + chain + "a = 1\n"), HasSubstr("s.toml:2:1: more than 4096 dots"));
  EXPECT_THAT(message_of("[" + chain + "a]\n"), HasSubstr("s.toml:1:1: more than 4096 dots"));
  EXPECT_THAT(message_of("# " + chain + "\n"), HasSubstr("needs the key 'name'"));  // a comment may have any
  EXPECT_THAT(message_of(chain.substr(0, 2 * 4096) + "a = 1\n"), HasSubstr("unknown key 'a'"));
}

TEST(StudyFile, RefusesLettersBeyondAsciiWhereBlanksMayStand) {
  // The parser's test for Unicode's blanks is undefined for the first two; only a sanitizer build sees it.
  for (const std::string letter : {"\xC3\xA9", "\xD1\x97", "\xE2\xB1\x96", "\xC2\xA0"})
    for (const std::string& text : {letter + " = 1\n", "name = " + letter + "\n"})
      EXPECT_THAT(message_of(text), HasSubstr("s.toml:1:")) << text;
}

TEST(StudyFile, AnswersInOneLine) {
  EXPECT_THAT(message_of("\"a\\nb\\u001b[2J\" = 1\n"), HasSubstr("unknown key 'a?b?[2J'"));
}

}  // namespace
}  // namespace breakeven
