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
Header read_header(ByteStream& stream) {
  std::array<std::uint8_t, header_bytes> bytes{};
  const std::size_t count = stream.read(bytes);
  if (count < 4 || bytes[0] != 0 || bytes[1] != 0)
    stream.reject("is not an IDX file: it must begin with two zero bytes");
  if (bytes[2] != 0x08) stream.reject("must hold unsigned bytes (IDX type 8), holds type " + std::to_string(bytes[2]));
  if (bytes[3] != 3) stream.reject("must have 3 dimensions (images, rows, columns), has " + std::to_string(bytes[3]));
  if (count < header_bytes) stream.reject("is truncated: it ends inside its header");
  const auto dimension = [&](std::size_t at) {
    Index value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value * 256 + bytes[i];
    return value;
  };
  const Header header{dimension(4), dimension(8), dimension(12)};
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

}  // namespace

std::unique_ptr<MatrixReader> read_idx(ByteStream& bytes, Index patch) {
  return std::make_unique<IdxReader>(bytes, patch);
}

}  // namespace breakeven
