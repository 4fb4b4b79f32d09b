#include "results/merge.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/statistics.hpp"
#include "results/example_study.hpp"
#include "results/h5.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Merge : public ::testing::Test {
 protected:
  void add_shard(const Record& record, Index launch, const std::string& git = "0123456789ab") const {
    Study shard = example::study({record});
    shard.provenance[0].value = git;
    write_study(shard, shard_path(folder.string(), record.hash, launch));
  }
  MergeSummary merge_all() const { return merge(folder / "shards", folder / "study.h5"); }
  Study merged() const { return read_study(folder / "study.h5"); }
  example::Folder folder;
};

TEST_F(Merge, OfOneLaunchKeepsTheShardsOwnInterval) {
  const Record record = example::record("ring", 8, 0, {1, 2, 3, 4, 5, 6, 7});
  add_shard(record, 0);
  EXPECT_EQ(merge_all().cases, 1);
  expect_equal(record, merged().records.at(0));
}

TEST_F(Merge, OfFiveLaunchesTakesTheMedianOfLaunchMedians) {
  const std::vector<std::vector<double>> times{{1, 1, 10}, {2, 3, 4}, {5, 5, 5}, {0.5, 0.25, 8}, {7, 6, 9}};
  for (Index launch = 0; launch < 5; ++launch) {
    Record record = example::record("ring", 8, launch, times[static_cast<std::size_t>(launch)]);
    record.set("setup_s", static_cast<double>(launch * launch));
    record.ranks[0].setup_s = static_cast<double>(launch * launch);
    record.set("peak_rss", 100 - launch);
    add_shard(record, launch);
  }
  const MergeSummary summary = merge_all();
  EXPECT_EQ(summary.shards, 5);
  EXPECT_EQ(summary.launches, 5);
  const Record record = merged().records.at(0);
  const std::vector<double> medians{1, 3, 5, 0.5, 7};  // of the timed repetitions; the warm-ups of 9 s do not count
  const MedianInterval interval = median_interval(medians);
  EXPECT_EQ(record.index("launches"), 5);
  EXPECT_EQ(record.index("repetitions"), 15);
  EXPECT_EQ(record.number("time_median"), 3);
  EXPECT_EQ(record.number("time_lo"), interval.low);
  EXPECT_EQ(record.number("time_hi"), interval.high);
  EXPECT_EQ(record.number("confidence"), interval.confidence);
  EXPECT_EQ(record.number("setup_s"), 4);
  EXPECT_EQ(record.index("peak_rss"), 100);
  EXPECT_THAT(record.samples, SizeIs(20));
  EXPECT_THAT(record.ranks, SizeIs(5));
  for (const RankRecord& ranks : record.ranks)
    EXPECT_EQ(ranks.setup_s, static_cast<double>(ranks.launch * ranks.launch)) << "each launch keeps its own set-up";
}

TEST_F(Merge, TakesTheCeilingsOfAllLaunchesAndKeepsThoseWhoseShardsAreGone) {
  const auto calibrate = [&](Index ranks, Index launch, double value) {
    Study shard = example::study({});
    shard.ceilings = {{"fma_f32", "1/s", "a", ranks, ranks, unknown_index, value, launch}};
    write_study(shard, calibration_path(folder.string(), ranks, launch));
  };
  const auto values = [&] {
    std::vector<double> found;
    for (const Ceiling& ceiling : merged().ceilings) found.push_back(ceiling.value);
    return found;
  };
  calibrate(1, 0, 10);
  calibrate(2, 0, 20);
  EXPECT_EQ(merge_all().shards, 0);
  EXPECT_THAT(values(), ElementsAre(10, 20));
  std::filesystem::remove(calibration_path(folder.string(), 1, 0));
  calibrate(2, 0, 21);  // measured again
  calibrate(2, 1, 22);
  merge_all();
  EXPECT_THAT(values(), testing::UnorderedElementsAre(10, 21, 22));
}

TEST_F(Merge, TakesTheSetUpOfTheShardsWhereNoLaunchKnowsIt) {
  for (Index launch = 0; launch < 3; ++launch) {
    Record record = example::record("ring", 8, launch, {1});
    record.set("setup_s", 1.0 + static_cast<double>(launch));
    record.ranks[0].setup_s = std::numeric_limits<double>::quiet_NaN();
    add_shard(record, launch);
  }
  merge_all();
  EXPECT_EQ(merged().records.at(0).number("setup_s"), 2);
}

TEST_F(Merge, TwiceGivesTheSameContent) {
  for (Index launch = 0; launch < 3; ++launch)
    for (const Index n : {8, 16})
      for (const char* method : {"ring", "polynomial"}) add_shard(example::record(method, n, launch, {1, 2}), launch);
  merge_all();
  const Study once = merged();
  EXPECT_EQ(merge_all().kept, 0);
  expect_equal(once, merged());
  EXPECT_EQ(once.records.at(0).text("method"), "polynomial");  // sorted by problem, factors, then method
  EXPECT_EQ(once.records.at(1).text("method"), "ring");
  EXPECT_EQ(once.records.at(1).index("n"), 8);
}

TEST_F(Merge, KeepsCasesWhoseShardsAreGone) {
  const Record gone = example::record("ring", 8, 0, {1});
  add_shard(gone, 0, "old");
  merge_all();
  std::filesystem::remove_all(folder / "shards");
  add_shard(example::record("ring", 16, 0, {1}), 0, "new");
  const MergeSummary summary = merge_all();
  EXPECT_EQ(summary.kept, 1);
  EXPECT_EQ(summary.cases, 2);
  EXPECT_THAT(summary.git_states, ElementsAre("new", "old"));
  expect_equal(gone, merged().records.at(0));
  const Study once = merged();
  merge_all();
  expect_equal(once, merged());
}

TEST_F(Merge, KeepsLaunchesWhoseShardsAreGone) {
  for (Index launch = 0; launch < 3; ++launch)
    add_shard(example::record("ring", 8, launch, {1.0 + static_cast<double>(launch)}), launch);
  merge_all();
  std::filesystem::remove(shard_path(folder.string(), merged().records.at(0).hash, 2));
  merge_all();
  EXPECT_EQ(merged().records.at(0).index("launches"), 3);
  EXPECT_EQ(merged().records.at(0).number("time_hi"), 3);
}

TEST_F(Merge, TakesANewMeasurementOfTheSameLaunch) {
  add_shard(example::record("ring", 8, 0, {1}), 0);
  add_shard(example::record("ring", 8, 1, {2}), 1);
  merge_all();
  add_shard(example::record("ring", 8, 1, {4}), 1);
  merge_all();
  EXPECT_EQ(merged().records.at(0).index("launches"), 2);
  EXPECT_EQ(merged().records.at(0).number("time_hi"), 4);
}

TEST_F(Merge, FailsACaseThatFailedInAnyLaunch) {
  add_shard(example::record("ring", 8, 0, {1}), 0);
  Record failed = example::record("ring", 8, 1, {1});
  failed.samples.clear();
  failed.ranks.clear();
  std::erase_if(failed.columns, [](const Column& column) { return column.kind == "count"; });
  failed.set("status", std::string("failed"));
  failed.set("message", std::string("error 3 is above the promised bound 1e-06"));
  failed.set("error", std::numeric_limits<double>::quiet_NaN());
  add_shard(failed, 1);
  EXPECT_THAT(merge_all().skipped, IsEmpty());
  const Record record = merged().records.at(0);
  EXPECT_EQ(record.text("status"), "failed");
  EXPECT_EQ(record.text("message"), "error 3 is above the promised bound 1e-06");
  EXPECT_EQ(record.number("error"), 1e-12);
  EXPECT_EQ(record.index("features"), 495);
  EXPECT_EQ(record.index("launches"), 1);
}

TEST_F(Merge, NamesWhatItCannotReadAndLeavesItThere) {
  add_shard(example::record("ring", 8, 0, {1}), 0);
  std::ofstream(folder / "shards/a-foreign.h5") << "no HDF5";
  add_shard(example::record("ring", 16, 0, {1}), 0);
  const std::string cut = shard_path(folder.string(), example::record("ring", 16, 0, {1}).hash, 0);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);
  std::ofstream(folder / "shards/.b-0.h5.123.tmp") << "half a shard of a job that was killed";
  const MergeSummary summary = merge_all();
  EXPECT_EQ(summary.cases, 1);
  ASSERT_THAT(summary.skipped, SizeIs(2));
  EXPECT_THAT(summary.skipped[0].first + summary.skipped[1].first, HasSubstr("a-foreign.h5"));
  EXPECT_THAT(summary.skipped[0].first + summary.skipped[1].first, HasSubstr(cut));
  EXPECT_TRUE(std::filesystem::exists(cut));
  EXPECT_FALSE(merged().complete);
}

TEST_F(Merge, SkipsAShardWhoseColumnsAreOfAnotherType) {
  for (const Index n : {8, 16, 32}) add_shard(example::record("ring", n, 0, {1}), 0);
  Record retyped = example::record("ring", 64, 0, {1});
  retyped.set("n", 64.0);
  const std::string path = shard_path(folder.string(), retyped.hash, 0);
  add_shard(retyped, 0);
  const MergeSummary summary = merge_all();
  ASSERT_THAT(summary.skipped, SizeIs(1));
  EXPECT_EQ(summary.skipped[0].second, path + ": column n is of another type than in the other shards");
  EXPECT_EQ(summary.cases, 3);
  EXPECT_FALSE(merged().complete);
}

TEST_F(Merge, BelievesAShardWithAChecksumAboutTheTypeOfAColumn) {
  add_shard(example::record("ring", 8, 0, {1}), 0);
  for (const Index n : {16, 32}) {
    Record retyped = example::record("ring", n, 0, {1});
    retyped.set("n", static_cast<double>(n));
    add_shard(retyped, 0);
    const std::string path = shard_path(folder.string(), retyped.hash, 0);
    h5::File::open_to_extend(path).set_attribute("reviewed_by", std::string("a colleague"));  // drops the checksum
  }
  EXPECT_THAT(merge_all().skipped, SizeIs(2));
  EXPECT_EQ(merged().records.at(0).index("n"), 8);
}

TEST_F(Merge, CountsALaunchOnceThatTwoFilesClaim) {
  const Record record = example::record("ring", 8, 0, {1});
  add_shard(record, 0);
  std::filesystem::copy_file(shard_path(folder.string(), record.hash, 0), folder / "shards/zz-copy.h5");
  const MergeSummary summary = merge_all();
  ASSERT_THAT(summary.skipped, SizeIs(1));
  EXPECT_THAT(summary.skipped[0].second, HasSubstr("is already there"));
  EXPECT_THAT(merged().records.at(0).samples, SizeIs(2));
}

TEST_F(Merge, ListsTheStatesOfTheCodeThatMeasured) {
  add_shard(example::record("ring", 8, 0, {1}), 0, "aaaa");
  add_shard(example::record("ring", 8, 1, {1}), 1, "bbbb-dirty-1234");
  add_shard(example::record("ring", 8, 2, {1}), 2, "aaaa");
  EXPECT_THAT(merge_all().git_states, ElementsAre("aaaa", "bbbb-dirty-1234"));
  EXPECT_EQ(*find(merged().provenance, "writer_git"), Value(std::string("aaaa, bbbb-dirty-1234")));
  EXPECT_EQ(read_stored(folder / "study.h5").header.writer_git, "aaaa, bbbb-dirty-1234");
}

TEST_F(Merge, ListsEachCommandOnceWithItsLaunches) {
  for (const Index n : {8, 16})
    for (Index launch = 0; launch < 3; ++launch) {
      Study shard = example::study({example::record("ring", n, launch, {1})});
      shard.provenance[1].value = "attention --n " + std::to_string(n) + " --launch=" + std::to_string(launch);
      write_study(shard, shard_path(folder.string(), shard.records[0].hash, launch));
    }
  merge_all();
  const std::string commands = to_text(*find(merged().provenance, "command"));
  EXPECT_THAT(commands, HasSubstr("attention --n 8 --launch=0,1,2"));
  EXPECT_THAT(commands, HasSubstr("attention --n 16 --launch=0,1,2"));
  EXPECT_EQ(commands.size(), std::string("attention --n 8 --launch=0,1,2 | attention --n 16 --launch=0,1,2").size());
  merge_all();
  EXPECT_EQ(to_text(*find(merged().provenance, "command")), commands);
}

TEST_F(Merge, MarksAStudyQuickIfAnyShardIs) {
  add_shard(example::record("ring", 8, 0, {1}), 0);
  Study quick = example::study({example::record("ring", 16, 0, {1})});
  quick.label = "quick";
  write_study(quick, shard_path(folder.string(), quick.records[0].hash, 0));
  merge_all();
  EXPECT_EQ(merged().label, "quick");
}

TEST_F(Merge, OverwritesNothingThatIsNoStudy) {
  add_shard(example::record("ring", 8, 0, {1}), 0);
  std::ofstream(folder / "study.h5") << "my thesis";
  EXPECT_THROW(merge_all(), BadRequest);
  EXPECT_EQ(std::filesystem::file_size(folder / "study.h5"), 9u);
}

TEST_F(Merge, NamesAFolderThatIsNotThere) {
  EXPECT_THROW(merge_all(), BadRequest);
}

}  // namespace
}  // namespace breakeven
