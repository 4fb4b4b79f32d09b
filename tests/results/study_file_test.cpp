#include "results/study_file.hpp"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <csignal>
#include <fstream>

#include "base/error.hpp"
#include "results/durable_file.hpp"
#include "results/example_study.hpp"
#include "results/h5.hpp"
#include "results/schema.hpp"

namespace breakeven {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class StudyFile : public ::testing::Test {
 protected:
  std::string write_rich_study() const {
    write_study(example::rich_study(), folder / "study.h5");
    return folder / "study.h5";
  }
  example::Folder folder;
};

TEST_F(StudyFile, ReadsBackWhatWasWritten) {
  expect_equal(example::rich_study(), read_study(write_rich_study()));
}

TEST_F(StudyFile, KeepsALabel) {
  Study study = example::rich_study();
  study.label = "quick";
  study.complete = false;
  write_study(study, folder / "study.h5");
  expect_equal(study, read_study(folder / "study.h5"));
}

TEST_F(StudyFile, WritesAgainWhatItRead) {
  const Study once = read_study(write_rich_study());
  write_study(once, folder / "again.h5");
  expect_equal(once, read_study(folder / "again.h5"));
}

TEST_F(StudyFile, HoldsAStudyWithoutCases) {
  Study study;
  study.name = "empty";
  write_study(study, folder / "study.h5");
  expect_equal(study, read_study(folder / "study.h5"));
}

TEST_F(StudyFile, StatesTheMeaningOfEveryColumn) {
  const h5::File file = h5::File::open(write_rich_study());
  const h5::Group cases = file.group("cases");
  for (const std::string& name : cases.names()) {
    const h5::Dataset column = cases.dataset(name);
    if (name == "case") {
      EXPECT_TRUE(column.is_scale());
      continue;
    }
    EXPECT_EQ(column.scale_of(0), "case") << name;
    EXPECT_NE(column.text_attribute("kind"), "") << name;
    if (column.type() == h5::Type::text) continue;
    EXPECT_NE(column.text_attribute("units"), "") << name;
    EXPECT_NE(column.text_attribute("long_name"), "") << name;
    EXPECT_TRUE(column.has_attribute("_FillValue")) << name;
  }
  EXPECT_EQ(cases.dataset("time_median").text_attribute("units"), "s");
  EXPECT_EQ(cases.dataset("n").text_attribute("kind"), "factor");
  EXPECT_EQ(cases.dataset("degree").attribute("_FillValue"), Value(unknown_index));
}

TEST_F(StudyFile, NamesTheDimensionsOfSamplesAndRanks) {
  const h5::File file = h5::File::open(write_rich_study());
  const h5::Group samples = file.group("samples");
  for (const std::string& name : samples.names())
    EXPECT_TRUE(name == "sample" || samples.dataset(name).scale_of(0) == "sample") << name;
  const std::string hash = example::rich_study().records.front().hash;
  const h5::Group ranks = file.group("ranks").group(hash.substr(0, 16));
  EXPECT_EQ(ranks.text_attribute("hash"), hash);
  const h5::Dataset elapsed = ranks.dataset("elapsed_s");
  EXPECT_EQ(elapsed.shape(), (Shape{2, 3, 2}));
  EXPECT_EQ(elapsed.scale_of(0), "launch");
  EXPECT_EQ(elapsed.scale_of(1), "repetition");
  EXPECT_EQ(elapsed.scale_of(2), "rank");
  EXPECT_EQ(ranks.dataset("host").scale_of(1), "rank");
}

TEST_F(StudyFile, SaysWhatItIsOnItsFirstPage) {
  const h5::File file = h5::File::open(write_rich_study());
  EXPECT_EQ(file.text_attribute("format"), "breakeven-results");
  EXPECT_EQ(file.text_attribute("format_version"), "1.1.0");
  EXPECT_EQ(file.text_attribute("Conventions"), "CF-1.10");
  EXPECT_EQ(file.text_attribute("writer_git"), "0123456789ab");
  EXPECT_EQ(file.attribute("complete"), Value(true));
  EXPECT_THAT(file.text_attribute("created"), ::testing::MatchesRegex("....-..-..T..:..:..Z"));
  EXPECT_THAT(file.text_attribute("how_to_read"), HasSubstr("h5py"));
}

TEST_F(StudyFile, StoresAParameterThatAMethodLacksAsUnknown) {
  const h5::File file = h5::File::open(write_rich_study());
  const h5::Group cases = file.group("cases");
  EXPECT_EQ(cases.dataset("degree").read<Index>(), (std::vector<Index>{-1, -1, 4, 4}));
  EXPECT_EQ(cases.dataset("centre_keys").read<std::uint8_t>(), (std::vector<std::uint8_t>{255, 255, 1, 1}));
  EXPECT_EQ(cases.dataset("maximum").read<std::string>(), (std::vector<std::string>{"running", "running", "", ""}));
}

TEST_F(StudyFile, OrdersColumnsByKind) {
  const h5::File file = h5::File::open(write_rich_study());
  const std::vector<std::string> names = file.group("cases").names();
  const auto position = [&](const char* name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
  EXPECT_LT(position("maximum"), position("degree"));  // parameters stand together although no record has both
  EXPECT_LT(position("degree"), position("ranks"));
  EXPECT_LT(position("hash"), position("dtype"));
}

TEST_F(StudyFile, ReplacesWhatIsNoText) {
  Study study = example::study({example::record("ring", 8, 0, {1})});
  study.records[0].set("message", std::string("a\xFF") + std::string(1, '\0') + "b");
  write_study(study, folder / "study.h5");
  EXPECT_EQ(read_study(folder / "study.h5").records[0].text("message"),
            "a\xEF\xBF\xBD\xEF\xBF\xBD"
            "b");
}

TEST_F(StudyFile, RefusesTwoCasesOfOneHash) {
  const Record record = example::record("ring", 8, 0, {1});
  EXPECT_THROW(write_study(example::study({record, record}), folder / "study.h5"), Failure);
  EXPECT_FALSE(std::filesystem::exists(folder / "study.h5"));
}

TEST_F(StudyFile, RefusesAColumnOfTwoTypes) {
  std::vector<Record> records{example::record("ring", 8, 0, {1}), example::record("ring", 9, 0, {1})};
  records[1].set("n", 9.0);
  EXPECT_THROW(write_study(example::study(records), folder / "study.h5"), Failure);
}

TEST_F(StudyFile, IsNamedWhenMissing) {
  EXPECT_THAT(rejection([&] { read_study(folder / "none.h5"); }), HasSubstr("none.h5: no such file"));
  EXPECT_THAT(rejection([&] { read_study(folder.string()); }), HasSubstr("is a folder"));
}

TEST_F(StudyFile, IsNamedWhenNotHdf5) {
  std::ofstream(folder / "text.h5") << "n,time\n";
  EXPECT_THAT(rejection([&] { read_study(folder / "text.h5"); }), HasSubstr("text.h5: is not an HDF5 file"));
  std::ofstream(folder / "empty.h5").flush();
  EXPECT_THAT(rejection([&] { read_study(folder / "empty.h5"); }), HasSubstr("is not an HDF5 file"));
}

TEST_F(StudyFile, IsNamedWhenForeign) {
  h5::File::create(folder / "foreign.h5").close();
  EXPECT_THAT(rejection([&] { read_study(folder / "foreign.h5"); }), HasSubstr("foreign.h5: is an HDF5 file, but not"));
}

TEST_F(StudyFile, IsRefusedInAnotherMajorVersion) {
  {
    const h5::File file = h5::File::create(folder / "new.h5");
    file.set_attribute("format", std::string(schema::format));
    file.set_attribute("format_version", std::string("2.0.0"));
  }
  EXPECT_THAT(rejection([&] { read_study(folder / "new.h5"); }),
              HasSubstr("new.h5: written by format 2.0.0, this program reads 1.x"));
}

TEST_F(StudyFile, IsNamedWhereverItWasCut) {
  const std::string path = write_rich_study();
  const auto whole = std::filesystem::file_size(path);
  for (const auto length : {whole - 1, whole / 2, whole / 10, std::uintmax_t{100}, std::uintmax_t{9}}) {
    std::filesystem::copy_file(path, folder / "cut.h5", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder / "cut.h5", length);
    EXPECT_THAT(rejection([&] { read_study(folder / "cut.h5"); }), HasSubstr("cut.h5")) << length;
  }
}

TEST_F(StudyFile, IsRefusedWhenASampleNamesNoCase) {
  const std::string path = write_rich_study();
  {
    const h5::File file = h5::File::open_to_extend(path);
    const h5::Dataset cases = file.group("samples").dataset("case");
    std::vector<Index> values = cases.read<Index>();
    values.back() = 4;
    cases.write<Index>(values);
  }
  EXPECT_THAT(rejection([&] { read_study(path); }), HasSubstr("refers to case 4 of 4"));
}

TEST_F(StudyFile, IsRefusedWhenAColumnIsTooShort) {
  const std::string path = write_rich_study();
  {
    const h5::File file = h5::File::open_to_extend(path);
    file.group("cases").create_dataset("short", h5::Type::integer, {3}).write<Index>(std::vector<Index>{1, 2, 3});
  }
  EXPECT_THAT(rejection([&] { read_study(path); }), HasSubstr("/cases/short does not have one value a case"));
}

TEST_F(StudyFile, IsRefusedWhenItDeclaresMoreThanItHolds) {
  {
    const h5::File file = h5::File::create(folder / "bomb.h5");
    file.set_attribute("format", std::string(schema::format));
    file.set_attribute("format_version", std::string(schema::format_version));
    file.set_attribute("complete", true);
    const h5::Group cases = file.create_group("cases");
    const h5::Dataset scale = cases.create_dataset("case", h5::Type::integer, {Index{1} << 50});  // never written
  }
  EXPECT_THAT(rejection([&] { read_study(folder / "bomb.h5"); }),
              HasSubstr("declares more values than the file holds"));
}

TEST_F(StudyFile, IsRefusedIfAnyByteIsDamaged) {
  const std::string path = write_rich_study(), damaged = folder / "damaged.h5";
  std::ifstream original(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(original), {}};
  const std::size_t stride = bytes.size() / 100 + 1;  // headers and values alike, and the whole checksum line
  for (std::size_t i = 0; i < bytes.size(); i += i + 100 < bytes.size() ? stride : 1) {
    std::string copy = bytes;
    copy[i] = static_cast<char>(~copy[i]);
    std::ofstream(damaged, std::ios::binary) << copy;
    EXPECT_THAT(rejection([&] { read_study(damaged); }), HasSubstr("damaged.h5: is ")) << i;
  }
}

TEST_F(StudyFile, IsReadWithoutAChecksumOnceAnotherProgramHasRewrittenIt) {
  const std::string path = write_rich_study();
  h5::File::open_to_extend(path).set_attribute("reviewed_by", std::string("a colleague"));
  expect_equal(example::rich_study(), read_study(path));
}

TEST_F(StudyFile, ReportsAFullDiskAndLeavesNothingBehind) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  std::string message;
  try {
    write_study(example::rich_study(), folder / "study.h5");
  } catch (const Failure& failure) {
    message = failure.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("study.h5: cannot be written: File too large"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.string()));
}

TEST_F(StudyFile, KeepsTheOldFileUntilTheNewOneIsWhole) {
  const std::string path = write_rich_study();
  const Record record = example::record("ring", 8, 0, {1});
  EXPECT_THROW(write_study(example::study({record, record}), path), Failure);
  expect_equal(example::rich_study(), read_study(path));
}

TEST_F(StudyFile, NamesAFolderItCannotMake) {
  std::ofstream(folder / "file").flush();
  try {
    write_study(example::rich_study(), folder / "file/study.h5");
    ADD_FAILURE();
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("file"));
  }
}

TEST_F(StudyFile, TellsAFinishedShard) {
  const Record record = example::record("ring", 8, 3, {1});
  const std::string path = shard_path(folder.string(), record.hash, 3);
  EXPECT_EQ(path, folder / ("shards/" + record.hash.substr(0, 16) + "-3.h5"));
  EXPECT_EQ(find_shard(path, record.hash, "0123456789ab").state, ShardState::missing);
  write_study(example::study({record}), path);
  EXPECT_EQ(find_shard(path, record.hash, "0123456789ab").state, ShardState::finished);
  EXPECT_EQ(find_shard(path, record.hash, "another").state, ShardState::other_code);
}

TEST_F(StudyFile, SaysWhyAShardIsOfNoUse) {
  const Record record = example::record("ring", 8, 3, {1});
  const std::string path = shard_path(folder.string(), record.hash, 3);
  const auto expect_unusable = [&](const std::string& hash, const std::string& reason) {
    const FoundShard found = find_shard(path, hash, "0123456789ab");
    EXPECT_EQ(found.state, ShardState::unusable) << found.reason;
    EXPECT_THAT(found.reason, StartsWith(path + ": " + reason));
    EXPECT_NO_THROW(require_replaceable(found));
  };
  Study incomplete = example::study({record});
  incomplete.complete = false;
  write_study(incomplete, path);
  expect_unusable(record.hash, "is not marked complete");
  write_study(example::study({record}), path);
  expect_unusable("another", "holds another case");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  expect_unusable(record.hash, "is truncated or damaged");
  for (const auto emptied_bytes : {0, 5000}) {  // as after a crash of the system
    std::filesystem::resize_file(path, 0);
    std::filesystem::resize_file(path, emptied_bytes);
    expect_unusable(record.hash, "is not an HDF5 file");
  }
}

TEST_F(StudyFile, IsNotOursToReplaceIfItIsNoneOrOfAnotherVersion) {
  const Record record = example::record("ring", 8, 3, {1});
  const std::string path = shard_path(folder.string(), record.hash, 3);
  const auto expect_foreign = [&](const std::string& reason) {
    const FoundShard found = find_shard(path, record.hash, "0123456789ab");
    EXPECT_EQ(found.state, ShardState::foreign) << found.reason;
    EXPECT_THAT(rejection([&] { require_replaceable(found); }),
                AllOf(StartsWith(path + ": "), HasSubstr(reason), HasSubstr("move it away")));
    EXPECT_EQ(find_calibration(path, "0123456789ab").state, ShardState::foreign);
  };
  const auto make = [&](const std::string& format, const std::string& version) {
    const h5::File file = h5::File::create(path);
    file.set_attribute("format", format);
    file.set_attribute("format_version", version);
  };
  std::filesystem::create_directory(folder / "shards");
  make(std::string(schema::format), "2.0.0");
  expect_foreign("written by format 2.0.0");
  make(std::string(schema::format), "99999999999999999999.0");
  expect_foreign("has no readable format_version");
  make("another", "1.0.0");
  expect_foreign("not a results file");
  std::ofstream(path, std::ios::trunc) << "notes of last week\n";
  expect_foreign("is not an HDF5 file");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  expect_foreign("is a folder");
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  expect_foreign("is not a regular file");
}

TEST_F(StudyFile, TellsFinishedCeilings) {
  const std::string path = calibration_path(folder.string(), 2, 0);
  EXPECT_EQ(find_calibration(path, "0123456789ab").state, ShardState::missing);
  Study shard = example::study({});
  shard.ceilings.clear();
  write_study(shard, path);
  EXPECT_THAT(find_calibration(path, "0123456789ab").reason, HasSubstr("holds no ceilings"));
  shard.ceilings = {{"fma_f32", "1/s", "host", 2, 2, unknown_index, 1e9, 0}};
  write_study(shard, path);
  EXPECT_EQ(find_calibration(path, "0123456789ab").state, ShardState::finished);
  EXPECT_EQ(find_calibration(path, "another").state, ShardState::other_code);
}

}  // namespace
}  // namespace breakeven
