#include "results/import/idx.hpp"

#include <zlib.h>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "results/import/import_fixture.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string big_endian(unsigned value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 255);
  return bytes;
}

std::string header(unsigned images, unsigned rows, unsigned columns) {
  return std::string("\0\0\x08\x03", 4) + big_endian(images) + big_endian(rows) + big_endian(columns);
}

/// Pixel p of image m is 24 m + p.
std::string pixels(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(i);
  return bytes;
}

class ImportIdx : public ImportFixture {
 protected:
  ImportIdx() : ImportFixture("images.idx") { options.normalise = 2; }
  ImportSummary import() const override {
    const auto open = [&](ByteStream& bytes) { return read_idx(bytes, patch); };
    return import_matrix(source, open, options, out);
  }
  void write_two_images() const { write(header(2, 4, 6) + pixels(48)); }
  std::vector<float> rows(Index begin, Index end) const {
    std::vector<float> values(static_cast<std::size_t>(4 * (end - begin)));
    Hdf5InputFile(out).read("k", 0, {begin, end}, std::span<float>(values));
    return values;
  }
  Index patch = 2;
};

TEST_F(ImportIdx, CutsImagesIntoPatchesRowMajor) {
  write_two_images();
  const ImportSummary summary = import();
  EXPECT_EQ(summary.source, "2 images of 4 x 6 pixels");
  EXPECT_THAT(summary.shape, ElementsAre(12, 4));
  // image 0:   0  1 |  2  3 |  4  5
  //            6  7 |  8  9 | 10 11
  //           --------------------     halved by normalise
  //           12 13 | 14 15 | 16 17
  //           18 19 | 20 21 | 22 23
  EXPECT_THAT(rows(0, 2), ElementsAre(0, 0.5, 3, 3.5, 1, 1.5, 4, 4.5));
  EXPECT_THAT(rows(3, 4), ElementsAre(6, 6.5, 9, 9.5));
  EXPECT_THAT(rows(6, 7), ElementsAre(12, 12.5, 15, 15.5));
  EXPECT_THAT(rows(11, 12), ElementsAre(20, 20.5, 23, 23.5));
}

TEST_F(ImportIdx, WritesOneDatasetUnderThreeNamesWithItsOrigin) {
  write_two_images();
  import();
  const h5::File file = h5::File::open(out);
  EXPECT_THAT(file.names(), ElementsAre("q", "k", "v"));
  const h5::Dataset dataset = file.dataset("v");
  EXPECT_EQ(dataset.text_attribute("source"), "images.idx");
  EXPECT_EQ(dataset.text_attribute("source_sha256"), sha256_of_file(source));
  EXPECT_EQ(dataset.attribute("patch"), Value(Index{2}));
  EXPECT_EQ(dataset.attribute("normalise"), Value(2.0));
}

TEST_F(ImportIdx, ReadsGzip) {
  write_two_images();
  import();
  const std::vector<float> plain = rows(0, 12);
  const std::string bytes = header(2, 4, 6) + pixels(48);
  gzFile file = gzopen((folder / "images.idx.gz").c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  source = folder / "images.idx.gz";
  options.overwrite = true;
  import();
  EXPECT_EQ(rows(0, 12), plain);
  std::filesystem::resize_file(source, std::filesystem::file_size(source) - 9);
  out = folder / "cut.h5";
  EXPECT_THAT(why_not(), HasSubstr("images.idx.gz: is truncated"));
}

TEST_F(ImportIdx, GivesTheSameBytesAgain) {
  write_two_images();
  import();
  const std::string first = sha256_of_file(out);
  options.overwrite = true;
  import();
  EXPECT_EQ(sha256_of_file(out), first);
}

TEST_F(ImportIdx, StopsAfterMaxRows) {
  write_two_images();
  options.max_rows = 7;  // one row of the second image
  EXPECT_THAT(import().shape, ElementsAre(7, 4));
  EXPECT_THAT(rows(6, 7), ElementsAre(12, 12.5, 15, 15.5));
}

TEST_F(ImportIdx, WritesManyBlocksInOrder) {
  const int images = 3000, image = 24;  // 3000 x 24 floats: more than one block of output would be without streaming
  std::string bytes = header(images * 10, 4, 6);
  for (int i = 0; i < images * 10; ++i) bytes += std::string(image, static_cast<char>(i % 251));
  write(bytes);
  EXPECT_THAT(import().shape, ElementsAre(images * 10 * 6, 4));
  for (const Index i : {0, 1, 10922, 10923, 29999})  // around the first block's end and the last image
    EXPECT_EQ(rows(6 * i, 6 * i + 1)[3], static_cast<float>(i % 251) / 2) << i;
}

TEST_F(ImportIdx, RefusesPatchesThatDoNotFit) {
  write_two_images();
  patch = 3;
  EXPECT_EQ(why_not(), "patch must divide the 4 x 6 pixels of an image, got 3");
  patch = 0;
  EXPECT_EQ(why_not(), "patch must be at least 1, got 0");
}

TEST_F(ImportIdx, CutsPatchesAsWideAsTheImage) {
  write(header(2, 4, 2) + pixels(16));
  import();
  EXPECT_THAT(rows(0, 4), ElementsAre(0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5));
}

TEST_F(ImportIdx, RefusesBadHeaders) {
  const std::string body = pixels(48);
  write("");
  EXPECT_THAT(why_not(), HasSubstr("images.idx: is not an IDX file"));
  write("PK\x03\x04 and so on");
  EXPECT_THAT(why_not(), HasSubstr("is not an IDX file"));
  write(std::string("\0\0\x0D\x03", 4) + body);
  EXPECT_THAT(why_not(), HasSubstr("must hold unsigned bytes (IDX type 8), holds type 13"));
  write(std::string("\0\0\x08\x01", 4) + body);
  EXPECT_THAT(why_not(), HasSubstr("must have 3 dimensions (images, rows, columns), has 1"));
  write(header(2, 4, 6).substr(0, 15));
  EXPECT_THAT(why_not(), HasSubstr("ends inside its header"));
  write(header(0, 4, 6));
  EXPECT_THAT(why_not(), HasSubstr("declares 0 images"));
  write(header(1, 0xFFFFFFFF, 0xFFFFFFFF) + body);
  EXPECT_THAT(why_not(), HasSubstr("at most 32768 x 32768"));
  write(header(0xFFFFFFFF, 28, 28) + body);  // 3 TB that are not there
  EXPECT_THAT(why_not(), HasSubstr("its header declares 3367254359280 pixels, 48 are there"));
  write(header(2, 4, 6) + body.substr(1));
  EXPECT_THAT(why_not(), HasSubstr("is truncated: its header declares 48 pixels, 47 are there"));
  write(header(2, 4, 6) + body + "x");
  EXPECT_THAT(why_not(), HasSubstr("has trailing bytes"));
}

class ImportLabels : public ImportFixture {
 protected:
  ImportLabels() : ImportFixture("labels.idx") { options.names = {"b"}; }
  ImportSummary import() const override {
    const auto open = [&](ByteStream& bytes) { return read_idx_labels(bytes, classes); };
    return import_matrix(source, open, options, out);
  }
  static std::string labels(unsigned count, const std::string& values) {
    return std::string("\0\0\x08\x01", 4) + big_endian(count) + values;
  }
  Index classes = 3;
};

TEST_F(ImportLabels, BecomeRowsWithAOneInTheirColumn) {
  write(labels(4, std::string("\2\0\1\2", 4)));
  EXPECT_THAT(import().shape, ElementsAre(4, 3));
  EXPECT_THAT(entries(), ElementsAre(0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1));
}

TEST_F(ImportLabels, AreAddedToAFileThatKeepsWhatItHolds) {
  write(labels(2, std::string("\1\0", 2)));
  import();
  options.names = {"b_test"};
  EXPECT_THAT(rejection([&] { import(); }), HasSubstr("exists already; overwrite replaces it, append adds to it"));
  options.append = true;
  write(labels(1, std::string("\2", 1)));
  import();
  EXPECT_THAT(entries(), ElementsAre(0, 0, 1));
  EXPECT_THAT(h5::File::open(out).dataset("b").read<double>(), ElementsAre(0, 1, 0, 1, 0, 0));
  EXPECT_THAT(rejection([&] { import(); }), HasSubstr("has a dataset 'b_test' already"));
  write(labels(1, std::string("\3", 1)));
  options.names = {"other"};
  EXPECT_THAT(rejection([&] { import(); }), HasSubstr("label 0 must be below classes (3), is 3"));
  EXPECT_THAT(h5::File::open(out).names(), ElementsAre("b", "b_test")) << "a refusal changes nothing";
  out = folder / "none.h5";
  EXPECT_THAT(why_not(), HasSubstr("none.h5: does not exist, so append cannot add to it"));
}

TEST_F(ImportLabels, RefuseBadFilesAndOptions) {
  write(header(2, 4, 6) + pixels(48));
  EXPECT_THAT(why_not(), HasSubstr("must have 1 dimension (labels), has 3"));
  write(labels(3, std::string("\0\1", 2)));
  EXPECT_THAT(why_not(), HasSubstr("is truncated: its header declares 3 labels, 2 are there"));
  write(labels(0, ""));
  EXPECT_THAT(why_not(), HasSubstr("declares 0 labels"));
  classes = 0;
  EXPECT_EQ(why_not(), "classes must be between 1 and 256, got 0");
}

TEST_F(ImportIdx, NamesAMissingSource) {
  EXPECT_THAT(why_not(), HasSubstr("images.idx: cannot be read"));
  source = folder.string();
  EXPECT_THAT(why_not(), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace breakeven
