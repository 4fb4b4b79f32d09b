#include "harness/rows.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "harness/placement.hpp"

namespace breakeven {
namespace {

using testing::HasSubstr;

Record record() {
  Record record;
  record.columns = {{"method", std::string("polynomial"), "", "", "identity"},
                    {"n", Index{4096}, "1", "", "factor"},
                    {"causal", true, "", "", "factor"},
                    {"degree", Index{3}, "1", "", "parameter"},
                    {"coefficients", std::string("taylor"), "", "", "parameter"},
                    {"time_median", 0.00123456, "s", "", "measurement"},
                    {"time_lo", NAN, "s", "", "measurement"},
                    {"features", unknown_index, "1", "", "count"},
                    {"promise_bound", INFINITY, "1", "", "verdict"},
                    {"status", std::string("failed"), "", "", "verdict"},
                    {"message", std::string("said \"no\", twice"), "", "", "verdict"}};
  return record;
}

TEST(Rows, AreJsonWithNullForTheUnknown) {
  EXPECT_EQ(to_json_line(record()),
            R"({"method":"polynomial","n":4096,"causal":true,"degree":3,"coefficients":"taylor",)"
            R"("time_median":0.00123456,"time_lo":null,"features":null,"promise_bound":null,"status":"failed",)"
            R"("message":"said \"no\", twice"})");
}

TEST(Rows, AreOneLineOfJsonWhateverTheBytes) {
  Record odd = record();
  odd.set("message", std::string("line\nbreak \xff"));
  const std::string line = to_json_line(odd);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(line, HasSubstr("line\\nbreak"));
}

TEST(Rows, AreCsvWithQuotesWhereNeeded) {
  EXPECT_EQ(csv_header(record()),
            "method,n,causal,degree,coefficients,time_median,time_lo,features,promise_bound,status,message");
  EXPECT_EQ(to_csv_line(record()), R"(polynomial,4096,true,3,taylor,0.00123456,,,inf,failed,"said ""no"", twice")");
  Record first_unknown = record();
  first_unknown.columns.front().value = std::string();
  EXPECT_EQ(to_csv_line(first_unknown).front(), ',');  // an empty first cell keeps its comma
}

TEST(Rows, AreATableWithTheParametersThatWereSet) {
  const std::string row = to_table_row(record(), {"degree"});
  EXPECT_THAT(row, HasSubstr("1.23 ms"));
  EXPECT_THAT(row, HasSubstr("failed polynomial degree=3\n"));
  EXPECT_THAT(row, HasSubstr("said \"no\", twice"));
  EXPECT_THAT(table_header(), HasSubstr("method"));
}

TEST(HumanTime, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(human_time(1.5e-6), "1.5 us");
  EXPECT_EQ(human_time(0.0123456), "12.3 ms");
  EXPECT_EQ(human_time(2.5), "2.5 s");
  EXPECT_EQ(human_time(NAN), "-");
}

TEST(Record, FindsValuesByName) {
  Record one = record();
  EXPECT_EQ(one.index("n"), 4096);
  EXPECT_EQ(one.number("n"), 4096);
  EXPECT_EQ(one.number("causal"), 1);
  EXPECT_TRUE(one.flag("causal"));
  EXPECT_TRUE(std::isnan(one.number("features")));
  EXPECT_TRUE(std::isnan(one.number("method")));
  EXPECT_TRUE(std::isnan(one.number("absent")));
  EXPECT_EQ(one.index("absent"), unknown_index);
  EXPECT_EQ(one.text("degree"), "3");
  EXPECT_EQ(one.find("absent"), nullptr);
  one.set("degree", Index{5});
  EXPECT_EQ(one.index("degree"), 5);
  EXPECT_ANY_THROW(one.set("absent", Index{5}));
}

TEST(CpuList, IsWrittenInRangesAndReadBack) {
  const std::pair<std::vector<int>, const char*> cases[] = {
      {{}, ""}, {{5}, "5"}, {{0, 1, 2, 3, 8}, "0-3,8"}, {{0, 2, 4}, "0,2,4"}, {{1, 2, 10, 11, 12}, "1-2,10-12"}};
  for (const auto& [cpus, text] : cases) {
    EXPECT_EQ(cpu_list(cpus), text);
    EXPECT_EQ(parse_cpu_list(text), cpus);
  }
}

TEST(Placement, IsReadBackAlikeOnAllRanks) {
  const Communicator world = Communicator::world();
  const Placement placement = read_placement(world);
  EXPECT_EQ(static_cast<int>(placement.hosts.size()), world.size());
  EXPECT_EQ(placement.nodes, 1);
  EXPECT_EQ(placement.ranks_on_host_of(world.rank()), world.size());
  EXPECT_GT(placement.free_bytes.front(), 0);
  std::set<int> cpus;
  for (const std::string& list : placement.cpusets)
    for (const int cpu : parse_cpu_list(list)) cpus.insert(cpu);
  EXPECT_EQ(placement.oversubscribed, static_cast<int>(cpus.size()) < world.size());
  EXPECT_GT(peak_memory_bytes(), 0);
}

}  // namespace
}  // namespace breakeven
