#include "results/import_idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "results/input_file.hpp"

namespace breakeven {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t block_bytes = 1 << 20;
constexpr std::size_t header_bytes = 16;

/// A file read from its beginning, unpacked on the way if it is gzip.
class ByteStream {
 public:
  explicit ByteStream(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb"), &gzclose) {
    if (!file_) throw BadRequest(path + ": cannot be read");
    gzbuffer(file_.get(), 1 << 17);
  }
  /// Fills `out` as far as there are bytes; returns how many there were.
  std::size_t read(std::span<std::uint8_t> out) {
    const int count = gzread(file_.get(), out.data(), static_cast<unsigned>(out.size()));
    int error = Z_OK;
    const char* reason = gzerror(file_.get(), &error);
    // A cut gzip file delivers what it has and only then reports Z_BUF_ERROR.
    if (error == Z_BUF_ERROR) throw BadRequest(path_ + ": is truncated: its gzip stream ends early");
    if (count < 0) throw BadRequest(path_ + ": cannot be unpacked: " + reason);
    return static_cast<std::size_t>(count);
  }

 private:
  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

struct Header {
  Index images = 0, rows = 0, columns = 0;
  Index image_bytes() const { return rows * columns; }
};

[[noreturn]] void reject(const std::string& path, const std::string& what) {
  throw BadRequest(path + ": " + what);
}

/// Two zero bytes, the element type, the number of dimensions, then each dimension as a big-endian 32-bit number.
Header parse_header(const std::string& path, std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0)
    reject(path, "is not an IDX file: it must begin with two zero bytes");
  if (bytes[2] != 0x08) reject(path, "must hold unsigned bytes (IDX type 8), holds type " + std::to_string(bytes[2]));
  if (bytes[3] != 3) reject(path, "must have 3 dimensions (images, rows, columns), has " + std::to_string(bytes[3]));
  if (bytes.size() < header_bytes) reject(path, "is truncated: it ends inside its header");
  const auto dimension = [&](std::size_t at) {
    Index value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value * 256 + bytes[i];
    return value;
  };
  const Header header{dimension(4), dimension(8), dimension(12)};
  constexpr Index largest_edge = 1 << 15;  // keeps every product below within 64 bits
  if (header.images < 1 || header.rows < 1 || header.columns < 1 || header.rows > largest_edge ||
      header.columns > largest_edge)
    reject(path, "declares " + std::to_string(header.images) + " images of " + std::to_string(header.rows) + " x " +
                     std::to_string(header.columns) + " pixels; at least 1 of 1 x 1, at most 32768 x 32768 is read");
  return header;
}

/// Reads the source once to the end, keeping nothing: the header is believed only if the length bears it out.
Header checked_header(const std::string& path) {
  ByteStream stream(path);
  std::array<std::uint8_t, header_bytes> first{};
  const std::size_t count = stream.read(first);
  const Header header = parse_header(path, std::span(first).first(count));
  const Index expected = header.images * header.image_bytes();
  Index found = 0;
  Bytes block(block_bytes);
  for (std::size_t n = stream.read(block); n > 0 && found <= expected; n = stream.read(block))
    found += static_cast<Index>(n);
  const std::string declared = "its header declares " + std::to_string(expected) + " pixels";
  if (found < expected) reject(path, "is truncated: " + declared + ", " + std::to_string(found) + " are there");
  if (found > expected) reject(path, "has trailing bytes: " + declared + ", more are there");
  return header;
}

void check_options(const IdxImport& options) {
  if (options.patch < 1) throw BadRequest("patch must be at least 1, got " + std::to_string(options.patch));
  if (!(options.normalise > 0) || std::isinf(options.normalise))
    throw BadRequest("normalise must be finite and above 0, got " + to_text(Value(options.normalise)));
  if (options.max_rows < 0) throw BadRequest("max-rows must be at least 0, got " + std::to_string(options.max_rows));
}

void check_patch(const Header& header, Index patch) {
  if (header.rows % patch != 0 || header.columns % patch != 0)
    throw BadRequest("patch must divide the " + std::to_string(header.rows) + " x " + std::to_string(header.columns) +
                     " pixels of an image, got " + std::to_string(patch));
}

/// The patches of one image, one after the other.
void cut(std::span<const std::uint8_t> image, const Header& header, const IdxImport& options,
         std::vector<float>& rows) {
  const Index patch = options.patch;
  for (Index top = 0; top < header.rows; top += patch)
    for (Index left = 0; left < header.columns; left += patch)
      for (Index i = top; i < top + patch; ++i)
        for (Index j = left; j < left + patch; ++j)
          rows.push_back(
              static_cast<float>(image[static_cast<std::size_t>(i * header.columns + j)] / options.normalise));
}

Values attributes_of(const std::string& source, const IdxImport& options, const IdxSummary& summary) {
  return {{"source", std::filesystem::path(source).filename().string(), "", ""},
          {"source_sha256", sha256_of_file(source), "", ""},
          {"patch", options.patch, "", ""},
          {"normalise", options.normalise, "", ""},
          {"images", summary.images, "", ""},
          {"image_rows", summary.image_rows, "", ""},
          {"image_columns", summary.image_columns, "", ""},
          {"how_made",
           std::string("breakeven import idx: each row is one patch x patch patch of an image, row-major; "
                       "patches row-major in an image, images in order; pixels divided by normalise"),
           "", ""}};
}

}  // namespace

IdxSummary import_idx(const std::string& source, const IdxImport& options, const std::string& out) {
  check_options(options);
  if (std::filesystem::is_directory(source)) reject(source, "is a folder, not an IDX file");
  if (!options.overwrite && std::filesystem::exists(out)) reject(out, "exists already; overwrite replaces it");
  const Header header = checked_header(source);
  check_patch(header, options.patch);
  IdxSummary summary{header.images, header.rows, header.columns, 0, options.patch * options.patch};
  const Index available = header.images * (header.image_bytes() / summary.columns);
  summary.rows = options.max_rows == 0 ? available : std::min(available, options.max_rows);

  ByteStream stream(source);
  std::array<std::uint8_t, header_bytes> skipped{};
  stream.read(skipped);
  InputWriter writer(out, options.names, h5::Type::real32, {summary.rows, summary.columns},
                     attributes_of(source, options, summary));
  Bytes image(static_cast<std::size_t>(header.image_bytes()));
  std::vector<float> rows;
  Index written = 0;
  while (written < summary.rows) {
    if (stream.read(image) != image.size()) reject(source, "has changed while it was read");
    cut(image, header, options, rows);
    const Index pending = static_cast<Index>(rows.size()) / summary.columns;
    const bool last = written + pending >= summary.rows;
    if (!last && rows.size() * sizeof(float) < block_bytes) continue;
    const Index taken = std::min(pending, summary.rows - written);
    writer.append(std::span<const float>(rows).first(static_cast<std::size_t>(taken * summary.columns)));
    written += taken;
    rows.clear();
  }
  writer.commit();
  return summary;
}

}  // namespace breakeven
