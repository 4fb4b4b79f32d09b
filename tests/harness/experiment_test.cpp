#include "harness/experiment.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "harness/command_line.hpp"
#include "harness/dry_run.hpp"
#include "harness/group.hpp"
#include "registry.hpp"

namespace breakeven {
namespace {

using testing::HasSubstr;

/// A file that has only shapes and a checksum: expand() reads no data.
class ShapesOnly final : public InputFile {
 public:
  explicit ShapesOnly(std::string checksum = "abc") : checksum_(std::move(checksum)) {}
  std::string path() const override { return "some/where/tokens.h5"; }
  std::string sha256() const override { return checksum_; }
  void adopt_sha256(const std::string&) override {}
  bool has(std::string_view name) const override { return name == "q" || name == "k" || name == "v"; }
  Shape shape(std::string_view name) const override { return name == "v" ? Shape{50, 4} : Shape{50, 6}; }
  void read(std::string_view, Index, Range, std::span<float>) const override { throw Failure("read"); }
  void read(std::string_view, Index, Range, std::span<double>) const override { throw Failure("read"); }

 private:
  std::string checksum_;
};

std::vector<Group> expanded(std::vector<const char*> words, int ranks = 2, const InputFile* file = nullptr) {
  words.insert(words.begin(), "attention");
  const CommandLine line = parse_command_line(static_cast<int>(words.size()), words.data(), "attention", registry());
  return expand(line.experiment, registry(), ranks, file);
}

std::string hash_of(std::vector<const char*> words, int ranks = 2, const InputFile* file = nullptr) {
  if (std::find(words.begin(), words.end(), std::string("--methods")) == words.end())
    words.insert(words.end(), {"--methods", "polynomial"});
  return expanded(std::move(words), ranks, file).front().cases.front().hash;
}

std::string refusal(std::vector<const char*> words, const InputFile* file = nullptr) {
  try {
    expanded(std::move(words), 2, file);
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "accepted";
}

std::set<std::string> all_hashes(const std::vector<Group>& groups) {
  std::set<std::string> hashes;
  for (const Group& group : groups)
    for (const Case& which : group.cases) hashes.insert(which.hash);
  return hashes;
}

std::size_t n_cases(const std::vector<Group>& groups) {
  std::size_t cases = 0;
  for (const Group& group : groups) cases += group.cases.size();
  return cases;
}

/// The text that is hashed stands here in full: shards of earlier releases are found by it.
TEST(CaseHash, IsThatOfTheCanonicalText) {
  const std::string canonical =
      R"json({"dtype":"f64","method":"attention/forward/ring","params":{"maximum":"running"},"ranks":2,)json"
      R"json("seed":1,"spec":{"batch":1,"bound":1.0,"causal":false,"d":8,"d_value":8,"data":"uniform",)json"
      R"json("heads":1,"n":64,"scale":"1/sqrt(d)"}})json";
  EXPECT_EQ(hash_of({"--methods", "ring", "--n", "64"}), sha256(canonical));
}

TEST(CaseHash, ChangesWithEveryFactor) {
  const ShapesOnly file("abc"), other("abd");
  const std::vector<std::string> hashes{
      hash_of({}),
      hash_of({"--n", "64"}),
      hash_of({"--d", "4"}),
      hash_of({"--d-value", "4"}),
      hash_of({"--scale", "1/d"}),
      hash_of({"--causal"}),
      hash_of({"--heads", "2"}),
      hash_of({"--batch", "2"}),
      hash_of({"--data", "aligned"}),
      hash_of({"--bound", "2"}),
      hash_of({"--dtype", "f32"}),
      hash_of({"--seed", "2"}),
      hash_of({}, 3),
      hash_of({}, 2, &file),
      hash_of({}, 2, &other),
      hash_of({"--degree", "3"}),
      hash_of({"--tolerance", "1e-3"}),
      hash_of({"--coefficients", "minimax"}),
      hash_of({"--centre-keys"}),
      hash_of({"--max-features", "1000"}),
      hash_of({"--methods", "ring"}),
      hash_of({"--methods", "allgather"}),
  };
  EXPECT_EQ(std::set<std::string>(hashes.begin(), hashes.end()).size(), hashes.size());
}

TEST(CaseHash, IgnoresWhatDoesNotChangeTheResult) {
  const std::string plain = hash_of({});
  for (const std::vector<const char*>& words : {std::vector<const char*>{"--launch", "3"},
                                                {"--out", "dir"},
                                                {"--budget", "1"},
                                                {"--repetitions", "3"},
                                                {"--warmup", "0"},
                                                {"--study", "s"},
                                                {"--label", "quick"},
                                                {"--format", "json"},
                                                {"--quiet"},
                                                {"--timeout", "5"},
                                                {"--require-certificate"},
                                                {"--methods", "polynomial,ring"}})
    EXPECT_EQ(hash_of(words), plain) << words.front();
  // a default that is written out, and two spellings of one value
  EXPECT_EQ(hash_of({"--degree", "4"}), plain);
  EXPECT_EQ(hash_of({"--d-value", "8"}), plain);
  EXPECT_EQ(hash_of({"--n", "4Ki"}), plain);
}

TEST(Expand, MultipliesOnlyWhatDeclaresTheOption) {
  const std::vector<Group> groups =
      expanded({"--methods", "ring,polynomial", "--n", "64,128", "--degree", "2,3,4", "--dtype", "f32,f64"});
  EXPECT_EQ(groups.size(), 4u);
  for (const Group& group : groups) EXPECT_EQ(group.cases.size(), 4u);  // ring once, polynomial three times
  EXPECT_EQ(all_hashes(groups).size(), 16u);
}

TEST(Expand, DropsDuplicates) {
  EXPECT_EQ(n_cases(expanded({"--methods", "ring", "--n", "64,64,64"})), 1u);
  EXPECT_EQ(n_cases(expanded({"--methods", "polynomial,polynomial", "--degree", "4,4"})), 1u);
  EXPECT_EQ(n_cases(expanded({"--methods", "ring", "--dtype", "f64,f64", "--seed", "1,1"})), 1u);
  EXPECT_EQ(n_cases(expanded({"--methods", "ring", "--d-value", "0,8"})), 1u);  // 0 is d: one group, two spellings
}

TEST(Expand, RefusesEveryBadCaseBeforeAnythingRuns) {
  EXPECT_EQ(refusal({"--n", "64,0"}), "n must be at least 1, got 0");
  EXPECT_THAT(refusal({"--degree", "3", "--tolerance", "1e-3"}), HasSubstr("degree and tolerance exclude each other"));
  EXPECT_THAT(refusal({"--d", "64", "--degree", "5"}), HasSubstr("t = 11238513"));
  EXPECT_THAT(refusal({"--methods", "ring", "--maximum", "none", "--bound", "100"}), HasSubstr("use maximum running"));
  EXPECT_THAT(refusal({"--methods", "dense", "--n", "16Ki,32Ki"}), HasSubstr("n must be at most 16384 for dense"));
  EXPECT_THAT(refusal({"--scale", "2/d"}), HasSubstr("scale must be 1/d, 1/sqrt(d) or a positive number"));
}

TEST(Expand, TakesSizesFromTheInputFile) {
  const ShapesOnly file;
  const Group group = expanded({"--methods", "ring"}, 2, &file).front();
  const Values spec = group.problem->spec_values(group.spec);
  EXPECT_EQ(*find(spec, "n"), Value(Index{50}));
  EXPECT_EQ(*find(spec, "d"), Value(Index{6}));
  EXPECT_EQ(*find(spec, "d_value"), Value(Index{4}));
  EXPECT_EQ(*find(spec, "data"), Value(std::string("file")));
  EXPECT_EQ(expanded({"--n", "10,20"}, 2, &file).size(), 2u);
  EXPECT_EQ(refusal({"--n", "51"}, &file), "n must be at most 50, the rows of /q of some/where/tokens.h5, got 51");
  EXPECT_EQ(refusal({"--d", "7"}, &file), "d must be 6 as in the input file, got 7");
  EXPECT_THAT(refusal({"--bound", "2"}, &file), HasSubstr("bound must not be given with an input file"));
}

TEST(IdentityColumns, NameTheCaseFactorsAndParameters) {
  const ShapesOnly file;
  const Group group = expanded({"--methods", "polynomial"}, 2, &file).front();
  const std::vector<Column> columns = identity_columns(group, group.cases.front(), group.spec, &file);
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name + ":" + column.kind);
  EXPECT_THAT(names, testing::ElementsAre("hash:identity", "family:identity", "problem:identity", "method:identity",
                                          "role:identity", "paper:identity", "dtype:factor", "n:factor", "d:factor",
                                          "d_value:factor", "scale:factor", "causal:factor", "heads:factor",
                                          "batch:factor", "data:factor", "bound:factor", "seed:factor", "input:factor",
                                          "input_sha256:factor", "degree:parameter", "tolerance:parameter",
                                          "coefficients:parameter", "centre_keys:parameter", "max_features:parameter"));
  EXPECT_EQ(to_text(columns[17].value), "tokens.h5");  // the name, not the path
}

TEST(DryRun, PrintsTheSchedulesOfTheBusiestRank) {
  const std::vector<Group> groups = expanded({"--methods", "ring,polynomial", "--n", "1Ki", "--degree", "3"}, 3);
  const std::string table = dry_run_table(groups, 3);
  EXPECT_THAT(table, HasSubstr("busiest of 3 ranks"));
  EXPECT_THAT(table, HasSubstr(describe(groups.front())));
  // ring, rank 0 holds 342 of 1024 rows: two shifts, of its own block and of a 341-row one, (8 + 8) words of 8 bytes
  EXPECT_THAT(table, HasSubstr(std::to_string((342 + 341) * 16 * 8) + "         2  ring maximum=running"));
  // polynomial: 2 + 2 * 8 words of ranges, then t = C(11, 3) = 165 times 9 words
  EXPECT_THAT(table, HasSubstr(std::to_string((18 + 165 * 9) * 8) + "         2  polynomial degree=3"));
}

std::vector<Group> searches(std::vector<const char*> words) {
  words.insert(words.begin(), {"inner_product", "--n", "100", "--rho", "0.3"});
  const CommandLine line =
      parse_command_line(static_cast<int>(words.size()), words.data(), "inner_product", registry());
  return expand(line.experiment, registry(), 2, nullptr);
}

/// `aggregate` has no room for the features that such a correlation takes.
TEST(Expand, LeavesOutAMethodThatNobodyAskedForWhereItCannotDoTheTask) {
  const std::vector<Group> all = searches({});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(all.front().left_out,
              testing::ElementsAre(testing::StartsWith("aggregate: group must keep t group^2 below 2^31, got ")));
  EXPECT_EQ(all_hashes(all), all_hashes(searches({"--methods", "popcount,gemm,prefix,lsh"})));
  EXPECT_TRUE(searches({"--methods", "popcount"}).front().left_out.empty());
  // By name or by an option of its own it was asked for.
  EXPECT_THROW(searches({"--methods", "popcount,aggregate"}), BadRequest);
  EXPECT_THROW(searches({"--signal", "5"}), BadRequest);
  EXPECT_THROW(searches({"--recall", "0"}), BadRequest);
}

}  // namespace
}  // namespace breakeven
