#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/index.hpp"

namespace breakeven {

/// The bytes of a file that is imported, from first to last, as often as wanted. Readers see nothing else of the file,
/// so they read a file, a gzip file and bytes in memory alike.
class ByteStream {
 public:
  explicit ByteStream(std::string name) : name_(std::move(name)) {}
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  /// Fills `out` as far as there are bytes; returns how many there were.
  virtual std::size_t read(std::span<std::uint8_t> out) = 0;
  /// Back to the first byte.
  virtual void rewind() = 0;

  /// Throws BadRequest "name: what".
  [[noreturn]] void reject(const std::string& what) const;

 private:
  std::string name_;
};

/// A file, unpacked on the way if it is gzip. Errors: BadRequest, when it is opened or read.
std::unique_ptr<ByteStream> open_bytes(const std::string& path);

/// Bytes in memory, which must outlive the stream.
std::unique_ptr<ByteStream> bytes_in_memory(std::string name, std::span<const std::uint8_t> bytes);

/// Reads to the end and keeps nothing: a size declared in a header is believed only if the length bears it out. Ends
/// early once there is too much. `what` names the things declared ("pixels"), each of `each_bytes`.
/// Errors: BadRequest if fewer or more than `declared` are there.
void check_length(ByteStream& bytes, Index declared, Index each_bytes, const std::string& what);

/// Fills `out` wholly; BadRequest if the stream ends first, which check_length() has seen not to happen.
void read_again(ByteStream& bytes, std::span<std::uint8_t> out);

}  // namespace breakeven
