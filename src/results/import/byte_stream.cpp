#include "results/import/byte_stream.hpp"

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.hpp"

namespace breakeven {
namespace {

constexpr std::size_t block_bytes = 1 << 16;

class FileBytes final : public ByteStream {
 public:
  explicit FileBytes(const std::string& path) : ByteStream(path), file_(gzopen(path.c_str(), "rb"), &gzclose) {
    if (!file_) reject("cannot be read");
    gzbuffer(file_.get(), 1 << 17);
  }

  std::size_t read(std::span<std::uint8_t> out) override {
    std::size_t total = 0;
    while (total < out.size()) {  // gzread() counts in int
      const std::size_t wanted = std::min<std::size_t>(out.size() - total, 1 << 30);
      const std::size_t count = read_block(out.subspan(total, wanted));
      total += count;
      if (count < wanted) break;
    }
    return total;
  }

  void rewind() override {
    if (gzrewind(file_.get()) != 0) reject("cannot be read twice; it must be a file, not a pipe");
  }

 private:
  std::size_t read_block(std::span<std::uint8_t> out) {
    const int count = gzread(file_.get(), out.data(), static_cast<unsigned>(out.size()));
    int error = Z_OK;
    const char* reason = gzerror(file_.get(), &error);
    // A cut gzip file delivers what it has and only then reports Z_BUF_ERROR.
    if (error == Z_BUF_ERROR) reject("is truncated: its gzip stream ends early");
    if (count < 0) reject(std::string("cannot be unpacked: ") + reason);
    return static_cast<std::size_t>(count);
  }

  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

class MemoryBytes final : public ByteStream {
 public:
  MemoryBytes(std::string name, std::span<const std::uint8_t> bytes) : ByteStream(std::move(name)), bytes_(bytes) {}

  std::size_t read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min(out.size(), bytes_.size() - position_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(position_), count, out.begin());
    position_ += count;
    return count;
  }
  void rewind() override { position_ = 0; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
};

}  // namespace

void ByteStream::reject(const std::string& what) const {
  throw BadRequest(name_ + ": " + what);
}

std::unique_ptr<ByteStream> open_bytes(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw BadRequest(path + ": is a folder, not a file");
  return std::make_unique<FileBytes>(path);
}

std::unique_ptr<ByteStream> bytes_in_memory(std::string name, std::span<const std::uint8_t> bytes) {
  return std::make_unique<MemoryBytes>(std::move(name), bytes);
}

void check_length(ByteStream& bytes, Index declared, Index each_bytes, const std::string& what) {
  const Index expected = declared * each_bytes;
  Index found = 0;
  std::vector<std::uint8_t> block(block_bytes);
  for (std::size_t n = bytes.read(block); n > 0 && found <= expected; n = bytes.read(block))
    found += static_cast<Index>(n);
  const std::string header = "its header declares " + std::to_string(declared) + " " + what;
  if (found < expected)
    bytes.reject("is truncated: " + header + ", " + std::to_string(found / each_bytes) + " are there");
  if (found > expected) bytes.reject("has trailing bytes: " + header + ", more are there");
}

void read_again(ByteStream& bytes, std::span<std::uint8_t> out) {
  if (bytes.read(out) != out.size()) bytes.reject("has changed while it was read");
}

}  // namespace breakeven
