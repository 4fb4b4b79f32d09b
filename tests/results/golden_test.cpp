#include <gmock/gmock.h>

#include <filesystem>

#include "results/example_study.hpp"
#include "results/provenance.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

std::string golden(const std::string& name) {
  return (std::filesystem::path(__FILE__).parent_path() / "../../data/golden" / name).lexically_normal().string();
}

// One small file of every released minor version: what was written once must be read for ever.

/// 1.0 knew neither ceilings nor page faults.
TEST(Golden, StudyOfVersion_1_0_IsStillRead) {
  Study expected = example::rich_study();
  expected.ceilings.clear();
  expected.environment.pop_back();
  for (Record& record : expected.records)
    for (Sample& sample : record.samples) sample.page_faults = unknown_index;
  expect_equal(expected, read_study(golden("study-1.0.h5")));
}

TEST(Golden, StudyOfVersion_1_1_IsStillRead) {
  expect_equal(example::rich_study(), read_study(golden("study-1.1.h5")));
}

/// Makes the file of a new minor version: --gtest_also_run_disabled_tests --gtest_filter='*WriteStudy*'
TEST(Golden, DISABLED_WriteStudy) {
  write_study(example::rich_study(), golden("study-1.1.h5"));
}

TEST(Provenance, NamesCodeCommandAndHost) {
  const Values facts = collect_provenance("attention --n 8", {"Open MPI 4", "OpenBLAS Haswell"});
  EXPECT_EQ(facts.front().name, "writer_git");
  EXPECT_EQ(*find(facts, "command"), Value(std::string("attention --n 8")));
  EXPECT_EQ(*find(facts, "mpi_library"), Value(std::string("Open MPI 4")));
  EXPECT_THAT(to_text(*find(facts, "compiler")), testing::MatchesRegex("(GCC|Clang) .*"));
  EXPECT_GT(std::get<Index>(*find(facts, "memory")), Index{1} << 20);
}

TEST(Provenance, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(find(collect_provenance("attention", {}), "mpi_library"), nullptr);
}

TEST(Provenance, TakesListedVariablesAndNoOthers) {
  ::setenv("SLURM_JOB_ID", "42", 1);
  ::setenv("BREAKEVEN_SECRET", "token", 1);
  const Values facts = collect_environment();
  ::unsetenv("SLURM_JOB_ID");
  EXPECT_EQ(*find(facts, "SLURM_JOB_ID"), Value(std::string("42")));
  EXPECT_EQ(find(facts, "BREAKEVEN_SECRET"), nullptr);
}

}  // namespace
}  // namespace breakeven
