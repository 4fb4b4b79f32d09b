#include "results/input_file.hpp"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <csignal>
#include <fstream>
#include <numeric>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "results/example_study.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> counted(Index n) {
  std::vector<double> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0.0);
  return values;
}

class InputFileTest : public ::testing::Test {
 protected:
  void write(const Shape& shape, const std::vector<double>& values) const {
    write_inputs<double>(folder / "input.h5", {"q", "k"}, shape, values, {});
  }
  example::Folder folder;
};

TEST_F(InputFileTest, ServesRowsOfAMatrix) {
  write({4, 3}, counted(12));
  const Hdf5InputFile file(folder / "input.h5");
  EXPECT_EQ(file.shape("q"), (Shape{4, 3}));
  std::vector<double> rows(6);
  file.read("k", 0, {1, 3}, std::span<double>(rows));
  EXPECT_THAT(rows, ElementsAre(3, 4, 5, 6, 7, 8));
}

TEST_F(InputFileTest, ServesABlockOfColumnsAlone) {
  write({2, 4, 5}, counted(40));
  const Hdf5InputFile file(folder / "input.h5");
  std::vector<double> block(4);
  file.read_block("q", 1, {2, 4}, {1, 3}, std::span<double>(block));
  EXPECT_THAT(block, ElementsAre(31, 32, 36, 37));
  EXPECT_THAT(rejection([&] {
                file.read_block("q", 0, {0, 1}, {4, 6}, std::span<double>(block));
              }),
              HasSubstr("/q has 5 columns, asked for [4, 6)"));
}

TEST_F(InputFileTest, ServesSingleEntriesInTheOrderAsked) {
  write({2, 4, 5}, counted(40));
  const auto file = std::make_shared<const Hdf5InputFile>(folder / "input.h5");
  const FileSource<float> source(file);
  std::vector<float> entries(4);
  source.entries("q", 1, std::vector<Position>{{3, 4}, {0, 0}, {2, 1}, {0, 0}}, entries);
  EXPECT_THAT(entries, ElementsAre(39, 20, 31, 20));
  EXPECT_EQ(source.served().entries, 4);
  EXPECT_THAT(rejection([&] {
                source.entries("q", 0, std::vector<Position>{{0, 0}, {4, 1}}, std::span(entries).first(2));
              }),
              HasSubstr("/q has 4 rows, asked for [4, 5)"));
}

TEST_F(InputFileTest, CountsSlicesOverAllLeadingDimensions) {
  write({2, 3, 4, 5}, counted(120));  // batch x heads x n x d
  const Hdf5InputFile file(folder / "input.h5");
  for (Index slice = 0; slice < 6; ++slice) {
    std::vector<double> row(5);
    file.read("q", slice, {2, 3}, std::span<double>(row));
    EXPECT_EQ(row[0], static_cast<double>(slice * 20 + 10));
    EXPECT_EQ(row[4], static_cast<double>(slice * 20 + 14));
  }
}

TEST_F(InputFileTest, TakesAVectorForOneColumn) {
  write({5}, counted(5));
  const Hdf5InputFile file(folder / "input.h5");
  EXPECT_EQ(file.shape("q"), (Shape{5, 1}));
  std::vector<double> rows(2);
  file.read("q", 0, {3, 5}, std::span<double>(rows));
  EXPECT_THAT(rows, ElementsAre(3, 4));
}

TEST_F(InputFileTest, ConvertsIntegersAndPrecisions) {
  write_inputs<std::uint8_t>(folder / "bytes.h5", {"x"}, {1, 3}, std::vector<std::uint8_t>{0, 7, 255}, {});
  std::vector<float> floats(3);
  Hdf5InputFile(folder / "bytes.h5").read("x", 0, {0, 1}, std::span<float>(floats));
  EXPECT_THAT(floats, ElementsAre(0, 7, 255));
  write({1, 1}, {0.1});
  std::vector<float> single(1);
  Hdf5InputFile(folder / "input.h5").read("q", 0, {0, 1}, std::span<float>(single));
  EXPECT_EQ(single[0], 0.1f);
}

TEST_F(InputFileTest, ServesASource) {
  write({4, 3}, counted(12));
  const FileSource<float> source(std::make_shared<Hdf5InputFile>(folder / "input.h5"));
  EXPECT_EQ(source.columns("q"), 3);
  EXPECT_EQ(source.entry("q", 0, 2, 1), 7);
  EXPECT_EQ(source.rows("q", 0, {4, 4}).size(), 0);
}

TEST_F(InputFileTest, ServesSignsFromNumbers) {
  write_inputs<double>(folder / "signs.h5", {"a"}, {3, 3}, std::vector<double>{1, -1, 1, -1, -1, 1, 1, 1, 1}, {});
  const auto file = std::make_shared<Hdf5InputFile>(folder / "signs.h5");
  EXPECT_THAT(file->sign_shape("a"), ElementsAre(3, 3));
  const FileSource<Word> source(file);
  EXPECT_EQ(source.columns("a"), 1);
  const Array<Word> rows = source.rows("a", 0, {0, 3});
  EXPECT_THAT(std::vector<Word>(rows.data(), rows.data() + 3), ElementsAre(0b010, 0b011, 0b000));
  EXPECT_EQ(source.entry("a", 0, 1, 0), 0b011u);
}

/// Bit b of byte k is coordinate 8 k + b, as numpy.packbits(..., bitorder="little") has it.
TEST_F(InputFileTest, ServesSignsFromPackedBytesAndWords) {
  constexpr Index n_bits = 76;  // ten bytes, the last with four bits of padding; two words
  const std::vector<std::uint8_t> bytes{1, 0, 0, 0, 0, 0, 0, 0x80, 2, 0x08,  //
                                        0, 0, 0, 0, 0, 0, 0, 0,    0, 0x01};
  write_inputs<std::uint8_t>(folder / "bytes.h5", {"a"}, {2, 10}, bytes, {{"n_bits", n_bits, "", ""}});
  const Word top = Word{1} << 63;
  {
    h5::File file = h5::File::create(folder / "words.h5");
    {
      const h5::Dataset words = file.create_dataset("a", h5::Type::integer, {2, 2});
      words.write<Index>(std::vector<Index>{std::numeric_limits<Index>::min() + 1, 0x802, 0, 0x100});
      words.set_attribute("n_bits", n_bits);
    }
    file.close();
  }
  for (const char* name : {"bytes.h5", "words.h5"}) {
    const Hdf5InputFile file(folder / name);
    EXPECT_THAT(file.sign_shape("a"), ElementsAre(2, n_bits)) << name;
    std::vector<Word> rows(4);
    file.read_signs("a", {0, 2}, rows);
    EXPECT_THAT(rows, ElementsAre(top | 1, 0x802, 0, 0x100)) << name;
    std::vector<Word> last(2);
    file.read_signs("a", {1, 2}, last);
    EXPECT_THAT(last, ElementsAre(0, 0x100)) << name;
  }
}

TEST_F(InputFileTest, NamesWhatIsNoMatrixOfSigns) {
  const auto message = [&](const Shape& shape, const std::vector<std::uint8_t>& bytes, const Values& attributes) {
    write_inputs<std::uint8_t>(folder / "signs.h5", {"a"}, shape, bytes, attributes);
    return rejection([&] {
      const Hdf5InputFile file(folder / "signs.h5");
      const auto [rows, columns] = file.sign_shape("a");
      std::vector<Word> packed(static_cast<std::size_t>(rows * words_for(columns)));
      file.read_signs("a", {0, rows}, packed);
    });
  };
  const auto bits = [](Index n) { return Values{{"n_bits", n, "", ""}}; };
  EXPECT_THAT(message({2, 3}, {1, 1, 1, 1, 1, 3}, {}), HasSubstr("dataset /a holds 3 at row 1, column 2"));
  EXPECT_THAT(message({2, 1}, {7, 16}, bits(4)), HasSubstr("dataset /a has bit 4 of row 1 set, beyond its n_bits = 4"));
  EXPECT_THAT(message({2, 1}, {7, 1}, bits(9)), HasSubstr("/a has n_bits = 9, which is not what 1 columns of 8 bits"));
  EXPECT_THAT(message({2, 2}, {7, 1, 1, 1}, bits(8)), HasSubstr("/a has n_bits = 8"));
  EXPECT_THAT(message({2, 1}, {7, 1}, bits(0)), HasSubstr("/a has n_bits = 0"));
  EXPECT_THAT(message({2, 1}, {7, 1}, bits(-7)), HasSubstr("/a has n_bits = -7"));
  EXPECT_THAT(message({2, 1}, {1, 3}, {{"n_bits", true, "", ""}}),  // an attribute of one byte is a number, too
              HasSubstr("dataset /a has bit 1 of row 1 set, beyond its n_bits = 1"));
  EXPECT_THAT(message({2, 1}, {1, 3}, {{"n_bits", 8.0, "", ""}}), HasSubstr("n_bits that is no whole number"));
  EXPECT_THAT(message({1, 2, 1}, {7, 1}, bits(8)), HasSubstr("/a must be a matrix of signs, has 3 dimensions"));
  write_inputs<double>(folder / "reals.h5", {"a"}, {2, 1}, std::vector<double>{1, -1}, bits(64));
  EXPECT_THAT(rejection([&] { Hdf5InputFile(folder / "reals.h5").sign_shape("a"); }),
              HasSubstr("/a has n_bits, so it must hold bytes or 64-bit integers"));
}

TEST_F(InputFileTest, IsIdentifiedByItsBytes) {
  write({4, 3}, counted(12));
  EXPECT_EQ(Hdf5InputFile(folder / "input.h5").sha256(), sha256_of_file(folder / "input.h5"));
  const std::string first = sha256_of_file(folder / "input.h5");
  write({4, 3}, counted(12));
  EXPECT_EQ(sha256_of_file(folder / "input.h5"), first);
}

TEST_F(InputFileTest, LinksEveryNameToOneDataset) {
  write({1000, 3}, counted(3000));
  EXPECT_LT(std::filesystem::file_size(folder / "input.h5"), 2u * 3000 * sizeof(double));
  EXPECT_THAT(Hdf5InputFile(folder / "input.h5").names(), ElementsAre("q", "k"));
}

TEST_F(InputFileTest, NamesWhatItCannotServe) {
  write({4, 3}, counted(12));
  {
    const h5::File file = h5::File::open_to_extend(folder / "input.h5");
    file.create_dataset("words", h5::Type::text, {1}).write<std::string>(std::vector<std::string>{"a"});
    file.create_dataset("scalar", h5::Type::real64, {}).write<double>(std::vector<double>{1});
    const h5::Dataset unwritten = file.create_dataset("bomb", h5::Type::real64, {Index{1} << 40, 16});
  }
  const Hdf5InputFile file(folder / "input.h5");
  std::vector<double> row(3);
  const std::span<double> out(row);
  EXPECT_THAT(rejection([&] { file.shape("v"); }), HasSubstr("input.h5: has no dataset 'v'; it holds q, k"));
  EXPECT_THAT(rejection([&] { file.shape("words"); }), HasSubstr("/words holds no numbers"));
  EXPECT_THAT(rejection([&] { file.shape("scalar"); }), HasSubstr("/scalar is a scalar"));
  EXPECT_THAT(rejection([&] { file.shape("bomb"); }), HasSubstr("/bomb declares more values than the file holds"));
  EXPECT_THAT(rejection([&] { file.read("q", 0, {4, 5}, out); }), HasSubstr("/q has 4 rows, asked for [4, 5)"));
  EXPECT_THAT(rejection([&] { file.read("q", 1, {0, 1}, out); }), HasSubstr("/q has 1 slices, asked for number 1"));
  EXPECT_THROW(file.read("q", 0, {0, 2}, out), Failure);
  EXPECT_THAT(rejection([&] { Hdf5InputFile(folder / "none.h5"); }), HasSubstr("none.h5: no such file"));
}

TEST_F(InputFileTest, IsRefusedWhenTruncated) {
  write({400, 3}, counted(1200));
  std::filesystem::resize_file(folder / "input.h5", 5000);
  EXPECT_THAT(rejection([&] { Hdf5InputFile(folder / "input.h5"); }), HasSubstr("is truncated"));
}

TEST_F(InputFileTest, RefusesBadNamesAndLengths) {
  const std::vector<double> values = counted(4);
  EXPECT_THROW(write_inputs<double>(folder / "x.h5", {"q", "q"}, {4}, values, {}), BadRequest);
  EXPECT_THROW(write_inputs<double>(folder / "x.h5", {"a/b"}, {4}, values, {}), BadRequest);
  EXPECT_THROW(write_inputs<double>(folder / "x.h5", {}, {4}, values, {}), BadRequest);
  EXPECT_THROW(write_inputs<double>(folder / "x.h5", {"q"}, {5}, values, {}), BadRequest);
  EXPECT_TRUE(std::filesystem::is_empty(folder.string()));
}

TEST_F(InputFileTest, ReportsAFullDiskAndLeavesNothingBehind) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{100000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  std::string message;
  try {
    write({100000, 3}, counted(300000));
  } catch (const Failure& failure) {
    message = failure.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("input.h5: has no room for 2465536 bytes: File too large"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.string()));
}

}  // namespace
}  // namespace breakeven
