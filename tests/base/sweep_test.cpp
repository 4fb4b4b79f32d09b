#include "base/sweep.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace breakeven {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

FieldInfo whole() {
  return {"n", "", "1", Index{1}, {}};
}
FieldInfo real() {
  return {"bound", "", "1", 1.0, {}};
}
FieldInfo flag() {
  return {"causal", "", "", false, {}};
}
FieldInfo word() {
  return {"data", "", "", std::string("uniform"), {"uniform", "aligned", "planted"}};
}

std::vector<Index> indices(std::string_view text) {
  std::vector<Index> values;
  for (const Value& value : expand_list(text, whole())) values.push_back(std::get<Index>(value));
  return values;
}

std::vector<double> numbers(std::string_view text) {
  std::vector<double> values;
  for (const Value& value : expand_list(text, real())) values.push_back(std::get<double>(value));
  return values;
}

std::string error_of(std::string_view text, const FieldInfo& field) {
  try {
    expand_list(text, field);
  } catch (const BadRequest& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
    return error.what();
  }
  return "accepted";
}

TEST(Sweep, ReadsListsAndSuffixes) {
  EXPECT_THAT(indices("4"), ElementsAre(4));
  EXPECT_THAT(indices("3,1,2"), ElementsAre(3, 1, 2));
  EXPECT_THAT(indices("2k,2Ki,1M,1Mi,1G,1Gi"),
              ElementsAre(2000, 2048, 1'000'000, 1 << 20, 1'000'000'000, Index{1} << 30));
  EXPECT_THAT(indices("1.5Ki,1e3"), ElementsAre(1536, 1000));
  EXPECT_THAT(numbers("0.25,-1,1e-3"), ElementsAre(0.25, -1, 1e-3));
}

TEST(Sweep, ReadsRanges) {
  EXPECT_THAT(indices("256..1Ki*2"), ElementsAre(256, 512, 1024));
  EXPECT_THAT(indices("256..1000*2"), ElementsAre(256, 512));  // the end is a bound, not a member
  EXPECT_THAT(indices("1..7+3"), ElementsAre(1, 4, 7));
  EXPECT_THAT(indices("1..2+1,8..32*4,2"), ElementsAre(1, 2, 8, 32));
  EXPECT_THAT(indices("5..1+1,9"), ElementsAre(9));
  EXPECT_THAT(numbers("0.1..0.5+0.1"), ElementsAre(0.1, 0.2, testing::DoubleEq(0.3), 0.4, 0.5));
  EXPECT_THAT(numbers("0.1..0.3+0.1").size(), 3u);  // 0.1 + 2 * 0.1 and 0.1 * 3 are above 0.3 by a rounding
  EXPECT_THAT(numbers("0.1..0.3*3").size(), 2u);
  EXPECT_THAT(numbers("-1..1+1"), ElementsAre(-1, 0, 1));
  EXPECT_EQ(indices("1..1Gi*2").size(), 31u);
}

TEST(Sweep, DropsDuplicatesAndKeepsTheOrder) {
  EXPECT_THAT(indices("8,4,8,4..8*2,1Ki,1024"), ElementsAre(8, 4, 1024));
}

TEST(Sweep, ReadsFlagsAndWords) {
  EXPECT_THAT(expand_list("true,false,1,no,on,off,yes,0", flag()), ElementsAre(Value(true), Value(false)));
  EXPECT_THAT(expand_list("planted,uniform", word()),
              ElementsAre(Value(std::string("planted")), Value(std::string("uniform"))));
  EXPECT_THAT(expand_list("1..2*2", {"scale", "", "", std::string(), {}}), ElementsAre(Value(std::string("1..2*2"))));
}

TEST(Sweep, RejectsWithOptionAndItem) {
  const std::pair<const char*, const char*> wrong[] = {
      {"x", "n must be a number (suffixes k, M, G, Ki, Mi, Gi), got 'x'"},
      {"1.5", "n must be a whole number, got '1.5'"},
      {"1e30", "n must be a whole number, got '1e30'"},
      {"nan", "n must be a number"},
      {"inf", "n must be a number"},
      {"Ki", "n must be a number"},
      {"4 ", "n must be a number"},
      {"0x10", "n must be a number"},
      {"", "n must be a list without empty items, got ''"},
      {"1,,2", "n must be a list without empty items, got '1,,2'"},
      {"1,", "n must be a list without empty items"},
      {"1..8", "n must be a range written a..b*factor or a..b+step, got '1..8'"},
      {"1..8*1", "n must be a range that grows"},
      {"0..8*2", "n must be a range that grows"},
      {"1..8+0", "n must be a range that grows"},
      {"1..8+-1", "n must be a range that grows"},
      {"1..1G+1", "n must be a range of at most 100000 values, got '1..1G+1'"},
      {"0..60k+1,100k..160k+1", "n must be a list of at most 100000 values, got '0..60k+1,100k..160k+1'"},
      {"1e308Gi", "n must be a number"},  // infinite only by its suffix
      {"\x1b[2J\n", "n must be a number (suffixes k, M, G, Ki, Mi, Gi), got '?[2J?'"},
      {"1..4*1.5", "n must be a whole number"},
      {"9..1*2", "n must be a list of at least one value, got '9..1*2'"},
  };
  for (const auto& [text, message] : wrong) EXPECT_THAT(error_of(text, whole()), HasSubstr(message)) << text;
  EXPECT_THAT(error_of("maybe", flag()), HasSubstr("causal must be true or false, got 'maybe'"));
  EXPECT_THAT(error_of("unifrom", word()),
              HasSubstr("data must be one of uniform aligned planted, got 'unifrom'; did you mean 'uniform'?"));
  EXPECT_THAT(error_of("gauss", word()), HasSubstr("got 'gauss'"));
}

TEST(Sweep, ParsesOneNumber) {
  EXPECT_EQ(parse_number("2.5k", "budget"), 2500);
  EXPECT_EQ(parse_index("3Mi", "n"), Index{3} << 20);
  EXPECT_THROW(parse_index("0.5", "n"), BadRequest);
  EXPECT_THROW(parse_number("", "n"), BadRequest);
}

TEST(Sweep, ReadsManyValuesInNoTime) {
  EXPECT_EQ(indices("0..99999+1").size(), 100'000u);  // comparing each with each would take minutes
  EXPECT_EQ(indices("0..99999+1,0..99999+1").size(), 100'000u);
}

TEST(Sweep, EndsRangesAtTheEndOfFloat64) {
  EXPECT_THAT(numbers("1e307..1.7e308*10"), ElementsAre(1e307, testing::DoubleEq(1e308)));
  EXPECT_THAT(numbers("1e308..1.79e308+1e308"), ElementsAre(1e308));
}

TEST(Sweep, RefusesAProductThatNobodyMeant) {
  const std::vector<Value> thousand = expand_list("1..1001+1", whole());
  EXPECT_THROW(product({{"n", thousand}, {"d", thousand}}), BadRequest);
  EXPECT_EQ(product({{"n", thousand}}).size(), 1001u);
}

TEST(Sweep, IsTheProductOfItsAxesLastFastest) {
  const std::vector<Assignment> all = product({{"n", {Index{1}, Index{2}}}, {"d", {Index{8}, Index{16}}}});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1], (Assignment{{"n", Index{1}}, {"d", Index{16}}}));
  EXPECT_EQ(all[2], (Assignment{{"n", Index{2}}, {"d", Index{8}}}));
  EXPECT_THAT(product({}), ElementsAre(Assignment{}));
}

}  // namespace
}  // namespace breakeven
