#pragma once

#include <string>
#include <vector>

#include "results/import/byte_stream.hpp"

namespace breakeven {

/// JSON text from first byte to last. The caller walks through the objects that interest it and asks for the values in
/// them one by one, so that a file of any length needs little memory: a block of bytes and one value. Values are read
/// by nlohmann's SAX parser. Errors: BadRequest that names the byte: no valid JSON, a string, number or run of
/// blanks above 16 MiB, values nested deeper than 64.
class JsonCursor {
 public:
  explicit JsonCursor(ByteStream& bytes);

  /// The next byte that is no blank, which stays; '\0' at the end of the text.
  char peek();
  /// The next byte that is no blank must be `expected`, and goes.
  void expect(char expected);
  /// After a member of an object: true if a comma says that another follows, false at the closing brace; either goes.
  bool another();
  std::string text();
  Index count();  ///< a whole number of at least 0
  /// The first `most` numbers of an array; returns how many there are. Errors: BadRequest if it holds anything else.
  Index numbers(std::size_t most, std::vector<double>& found);
  void skip();  ///< any value
  void expect_end();
  [[noreturn]] void reject(const std::string& what) const;

 private:
  class Byte;
  template <class Handler>
  void parse(Handler&& handler);
  bool at_end() { return position_ == end_ && !refill(); }
  bool refill();
  void advance();
  std::string scalar();

  ByteStream& bytes_;
  std::vector<std::uint8_t> block_;
  std::size_t position_ = 0, end_ = 0;
  Index bytes_before_ = 0;  ///< the block, from the beginning of the text
  Index token_bytes_ = 0;   ///< read since the parser last reported something
};

}  // namespace breakeven
