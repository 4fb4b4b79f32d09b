#include "results/import/idx.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.hpp"

namespace breakeven {
namespace {

constexpr std::size_t header_bytes = 16;

struct Header {
  Index images = 0, rows = 0, columns = 0;
};

/// Two zero bytes, the element type, the number of dimensions, then each dimension as a big-endian 32-bit number.
/// `meaning` names the dimensions.
template <std::size_t n_dimensions>
std::array<Index, n_dimensions> read_dimensions(ByteStream& stream, const std::string& meaning) {
  std::array<std::uint8_t, 4 + 4 * n_dimensions> bytes{};
  const std::size_t count = stream.read(bytes);
  if (count < 4 || bytes[0] != 0 || bytes[1] != 0)
    stream.reject("is not an IDX file: it must begin with two zero bytes");
  if (bytes[2] != 0x08) stream.reject("must hold unsigned bytes (IDX type 8), holds type " + std::to_string(bytes[2]));
  if (bytes[3] != n_dimensions)
    stream.reject("must have " + std::to_string(n_dimensions) + (n_dimensions == 1 ? " dimension (" : " dimensions (") +
                  meaning + "), has " + std::to_string(bytes[3]));
  if (count < bytes.size()) stream.reject("is truncated: it ends inside its header");
  std::array<Index, n_dimensions> dimensions{};
  for (std::size_t i = 4; i < bytes.size(); ++i) dimensions[i / 4 - 1] = dimensions[i / 4 - 1] * 256 + bytes[i];
  return dimensions;
}

Header read_header(ByteStream& stream) {
  const auto [images, rows, columns] = read_dimensions<3>(stream, "images, rows, columns");
  const Header header{images, rows, columns};
  constexpr Index largest_edge = 1 << 15;  // keeps every product below within 64 bits
  if (header.images < 1 || header.rows < 1 || header.columns < 1 || header.rows > largest_edge ||
      header.columns > largest_edge)
    stream.reject("declares " + std::to_string(header.images) + " images of " + std::to_string(header.rows) + " x " +
                  std::to_string(header.columns) + " pixels; at least 1 of 1 x 1, at most 32768 x 32768 is read");
  return header;
}

class IdxReader final : public MatrixReader {
 public:
  IdxReader(ByteStream& bytes, Index patch) : bytes_(bytes), patch_(patch) {
    if (patch < 1) throw BadRequest("patch must be at least 1, got " + std::to_string(patch));
    const Header header = read_header(bytes_);
    check_length(bytes_, header.images * header.rows * header.columns, 1, "pixels");
    if (header.rows % patch != 0 || header.columns % patch != 0)
      throw BadRequest("patch must divide the " + std::to_string(header.rows) + " x " + std::to_string(header.columns) +
                       " pixels of an image, got " + std::to_string(patch));
    columns_ = header.columns;
    strip_.resize(static_cast<std::size_t>(patch * columns_));
    left_ = columns_;
    describe(header);
    bytes_.rewind();
    std::array<std::uint8_t, header_bytes> skipped{};
    read_again(bytes_, skipped);
  }

  const MatrixFacts& facts() const override { return facts_; }

  void read(std::span<double> rows) override {
    for (auto out = rows.begin(); out != rows.end(); left_ += patch_) {
      if (left_ == columns_) {
        read_again(bytes_, strip_);
        left_ = 0;
      }
      for (Index i = 0; i < patch_; ++i)
        out = std::copy_n(strip_.begin() + static_cast<std::ptrdiff_t>(i * columns_ + left_), patch_, out);
    }
  }

 private:
  void describe(const Header& header) {
    const Index patches = (header.rows / patch_) * (header.columns / patch_);
    facts_.shape = {header.images * patches, patch_ * patch_};
    facts_.dtype = "f32";
    facts_.summary = std::to_string(header.images) + " images of " + std::to_string(header.rows) + " x " +
                     std::to_string(header.columns) + " pixels";
    facts_.settings = {{"patch", patch_, "", ""}};
    facts_.origin = {{"images", header.images, "", ""},
                     {"image_rows", header.rows, "", ""},
                     {"image_columns", header.columns, "", ""}};
    facts_.how_made =
        "breakeven import idx: each row is one patch x patch patch of an image, row-major; "
        "patches row-major in an image, images in order; pixels divided by normalise";
  }

  ByteStream& bytes_;
  Index patch_, columns_ = 0;
  std::vector<std::uint8_t> strip_;  ///< patch x columns_ pixels: one row of patches
  Index left_ = 0;                   ///< column of the strip where the next patch begins
  MatrixFacts facts_;
};

class LabelReader final : public MatrixReader {
 public:
  LabelReader(ByteStream& bytes, Index classes) : bytes_(bytes), classes_(classes) {
    if (classes < 1 || classes > 256)
      throw BadRequest("classes must be between 1 and 256, got " + std::to_string(classes));
    const auto [labels] = read_dimensions<1>(bytes_, "labels");
    if (labels < 1) bytes_.reject("declares 0 labels");
    check_length(bytes_, labels, 1, "labels");
    facts_.shape = {labels, classes};
    facts_.dtype = "f32";
    facts_.summary = std::to_string(labels) + " labels of " + std::to_string(classes) + " classes";
    facts_.settings = {{"classes", classes, "", ""}};
    facts_.origin = {{"labels", labels, "", ""}};
    facts_.how_made = "breakeven import labels: each row is one label: 1 in its column, 0 elsewhere";
    bytes_.rewind();
    std::array<std::uint8_t, label_header_bytes> skipped{};
    read_again(bytes_, skipped);
  }

  const MatrixFacts& facts() const override { return facts_; }

  void read(std::span<double> rows) override {
    labels_.resize(rows.size() / static_cast<std::size_t>(classes_));
    read_again(bytes_, labels_);
    std::fill(rows.begin(), rows.end(), 0.0);
    auto row = rows.begin();
    for (const std::uint8_t label : labels_) {
      if (label >= classes_)
        bytes_.reject("label " + std::to_string(row_) + " must be below classes (" + std::to_string(classes_) +
                      "), is " + std::to_string(label));
      row[label] = 1;
      row += classes_;
      ++row_;
    }
  }

 private:
  static constexpr std::size_t label_header_bytes = 8;
  ByteStream& bytes_;
  Index classes_, row_ = 0;
  std::vector<std::uint8_t> labels_;
  MatrixFacts facts_;
};

}  // namespace

std::unique_ptr<MatrixReader> read_idx(ByteStream& bytes, Index patch) {
  return std::make_unique<IdxReader>(bytes, patch);
}

std::unique_ptr<MatrixReader> read_idx_labels(ByteStream& bytes, Index classes) {
  return std::make_unique<LabelReader>(bytes, classes);
}

}  // namespace breakeven
