#include "base/fields.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "base/sha256.hpp"

namespace breakeven {
namespace {

using testing::ElementsAre;

struct Oven {
  Index trays = 2;
  double heat = std::numeric_limits<double>::quiet_NaN();
  bool fan = true;
  std::string bread_kind = "rye";
  static constexpr auto fields() {
    return std::tuple{
        Field{"trays", &Oven::trays, "how many"}, Field{"heat", &Oven::heat, "how hot", "K"},
        Field{"fan", &Oven::fan, "on", ""},
        Field{"bread-kind", &Oven::bread_kind, "which", "", std::array<std::string_view, 6>{"rye", "wheat"}}};
  }
};

TEST(Fields, AreDescribedWithDefaultsUnitsAndChoices) {
  const std::vector<FieldInfo> all = describe<Oven>();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].name, "trays");
  EXPECT_EQ(all[0].default_value, Value(Index{2}));
  EXPECT_EQ(all[0].unit, "1");
  EXPECT_EQ(all[1].unit, "K");
  EXPECT_TRUE(is_unknown(all[1].default_value));
  EXPECT_EQ(all[3].name, "bread-kind");
  EXPECT_THAT(all[3].choices, ElementsAre("rye", "wheat"));
  EXPECT_TRUE(describe<NoFields>().empty());
}

TEST(Fields, BecomeColumnsInTheirOrder) {
  const Values values = to_values(Oven{3, 450, false, "wheat"});
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[3].name, "bread_kind");
  EXPECT_EQ(to_text(values[3].value), "wheat");
  EXPECT_EQ(values[1].unit, "K");
  EXPECT_EQ(*find(values, "trays"), Value(Index{3}));
  EXPECT_EQ(find(values, "crust"), nullptr);
}

TEST(Fields, TakeAssignmentsAndIgnoreForeignNames) {
  const auto oven =
      from_assignment<Oven>({{"trays", Index{5}}, {"bread-kind", std::string("wheat")}, {"yeast", Index{1}}});
  EXPECT_EQ(oven.trays, 5);
  EXPECT_EQ(oven.bread_kind, "wheat");
  EXPECT_TRUE(oven.fan);
}

TEST(Value, HasTheShortestTextThatReadsBack) {
  EXPECT_EQ(to_text(Value(0.1)), "0.1");
  EXPECT_EQ(to_text(Value(1.0 / 3)), "0.3333333333333333");
  EXPECT_EQ(to_text(Value(Index{-7})), "-7");
  EXPECT_EQ(to_text(Value(true)), "true");
  EXPECT_EQ(to_text(Value(std::numeric_limits<double>::infinity())), "inf");
  EXPECT_EQ(to_text(Value(std::nan(""))), "");
  EXPECT_EQ(to_text(Value(unknown_index)), "");
}

TEST(Value, KnowsTheUnknown) {
  EXPECT_TRUE(is_unknown(Value(std::nan(""))));
  EXPECT_TRUE(is_unknown(Value(unknown_index)));
  EXPECT_FALSE(is_unknown(Value(0.0)));
  EXPECT_FALSE(is_unknown(Value(false)));
  EXPECT_FALSE(is_unknown(Value(std::string())));
  EXPECT_EQ(column_name("max-features"), "max_features");
}

TEST(DidYouMean, FindsTypingSlipsOnly) {
  const std::vector<std::string> names{"ring", "allgather", "polynomial"};
  EXPECT_EQ(did_you_mean("polynmial", names), "polynomial");
  EXPECT_EQ(did_you_mean("rnig", {"ring"}), "");  // two slips in four letters
  EXPECT_EQ(did_you_mean("rin", names), "ring");
  EXPECT_EQ(did_you_mean("flash", names), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

TEST(Schedule, AddsUpItsSteps) {
  Schedule schedule;
  schedule.compute(100, 40).communicate(Operation::all_reduce, 8).compute(20, 4);
  schedule.communicate(Operation::ring_shift, 0).varying(Operation::broadcast).resident(77);
  EXPECT_EQ(schedule.flops(), 120);
  EXPECT_EQ(schedule.memory_bytes(), 44);
  EXPECT_EQ(schedule.comm_bytes(), 8);
  EXPECT_EQ(schedule.messages(), 3);
  EXPECT_EQ(schedule.resident_bytes(), 77);
  ASSERT_EQ(schedule.steps().size(), 5u);
  EXPECT_TRUE(schedule.steps()[4].varying);
  EXPECT_FALSE(schedule.steps()[3].varying);
  EXPECT_EQ(to_text(Operation::exclusive_scan), "exclusive_scan");
  EXPECT_EQ(to_text(Operation::combine), "combine");
  EXPECT_EQ(to_text(Operation::agree), "agree");
  EXPECT_EQ(to_text(Promise::Kind::certified), "certified");
  EXPECT_EQ(to_text(Promise{}.kind), "none");
}

TEST(Sha256, IsTheKnownAnswer) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const std::string path = testing::TempDir() + "breakeven_sha256_test";
  const std::string bytes(3 << 20, 'a');  // longer than one buffer
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(sha256_of_file(path), sha256(bytes));
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_of_file(path), BadRequest);
}

}  // namespace
}  // namespace breakeven
