#include "results/import/npy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <vector>

#include "base/value.hpp"

namespace breakeven {
namespace {

constexpr std::array<std::uint8_t, 6> magic{0x93, 'N', 'U', 'M', 'P', 'Y'};
constexpr std::size_t longest_header = 1 << 16;
constexpr std::size_t most_dimensions = 4;

/// The dictionary's text, taken apart from left to right.
class Literal {
 public:
  Literal(const ByteStream& bytes, std::string_view text) : bytes_(bytes), text_(text) {}

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void need(char c, const std::string& where) {
    if (!take(c)) fail(std::string("'") + c + "' is missing " + where);
  }
  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }

  /// 'text' or "text", without escapes.
  std::string_view string(const std::string& what) {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    if (quote != '\'' && quote != '"') fail(what + " must be text in quotes");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail(what + " has no closing quote");
    const std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
    if (found.find('\\') != std::string_view::npos) fail(what + " must hold no backslash");
    at_ = end + 1;
    return found;
  }

  bool boolean(const std::string& what) {
    skip_blanks();
    for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += std::string_view(word).size();
      return value;
    }
    fail(what + " must be True or False");
  }

  /// (), (3,), (3, 4), (3, 4,)
  Shape tuple(const std::string& what) {
    Shape numbers;
    bool comma = true;
    for (need('(', "before " + what); !take(')'); comma = take(',')) {
      if (!comma) fail("a comma is missing in " + what);
      numbers.push_back(whole_number(what));
    }
    if (numbers.size() == 1 && !comma) fail(what + " must be a tuple: (3,), not (3)");
    return numbers;
  }

  [[noreturn]] void fail(const std::string& what) const { bytes_.reject("has a broken header: " + what); }

 private:
  Index whole_number(const std::string& what) {
    skip_blanks();
    const std::string_view rest = text_.substr(at_);
    const std::string_view digits = rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size()));
    Index number = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) fail(what + " must hold whole numbers");
    if (status != std::errc()) fail(what + " holds a number beyond 64 bits");
    at_ += digits.size();
    return number;
  }

  const ByteStream& bytes_;
  std::string_view text_;
  std::size_t at_ = 0;
};

/// "<f8": byte order, kind, bytes.
void read_type(const ByteStream& bytes, std::string_view text, NpyHeader& header) {
  constexpr std::array<std::string_view, 11> types{"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"};
  const bool known = text.size() == 3 && std::find(types.begin(), types.end(), text.substr(1)) != types.end() &&
                     (text[0] == '<' || text[0] == '>' || (text[0] == '|' && text[2] == '1'));
  if (!known)
    bytes.reject("must hold bool, integers of 8 to 64 bits, float32 or float64, holds type " + in_quotes(text));
  header.big_endian = text[0] == '>';
  header.kind = text[1];
  header.bytes = static_cast<std::size_t>(text[2] - '0');
}

/// Sizes are multiplied with an eye on 64 bits: they come from the file, and nothing bears them out yet.
void check_shape(const ByteStream& bytes, NpyHeader& header) {
  const Shape& shape = header.shape;
  std::string text;
  for (const Index length : shape) text += (text.empty() ? "" : " x ") + std::to_string(length);
  if (shape.empty() || shape.size() > most_dimensions)
    bytes.reject("must have 1 to 4 dimensions, has " + std::to_string(shape.size()));
  Index most = std::numeric_limits<Index>::max() / 8;
  header.entries = 1;
  for (const Index length : shape) {
    if (length < 1) bytes.reject("holds no entries: its shape is " + text);
    if (length > most) bytes.reject("declares more entries than can be counted: its shape is " + text);
    most /= length;
    header.entries *= length;
  }
}

/// The dictionary's text; the stream then stands behind it.
std::string read_text(ByteStream& bytes, NpyHeader& header) {
  std::array<std::uint8_t, 8> start{};
  if (bytes.read(start) != start.size() || !std::equal(magic.begin(), magic.end(), start.begin()))
    bytes.reject("is not an NPY file: it must begin with \\x93NUMPY and a version");
  const int major = start[6], minor = start[7];
  if (major < 1 || major > 3 || minor != 0)
    bytes.reject("is of version " + std::to_string(major) + "." + std::to_string(minor) +
                 " of the NPY format; 1.0, 2.0 and 3.0 are read");
  std::vector<std::uint8_t> digits(major == 1 ? 2 : 4);  // the length, least digit first
  if (bytes.read(digits) != digits.size()) bytes.reject("is truncated: it ends inside its header");
  std::size_t length = 0;
  for (std::size_t i = digits.size(); i-- > 0;) length = length * 256 + digits[i];
  if (length > longest_header)
    bytes.reject("has a header of " + std::to_string(length) + " bytes; at most 65536 are read");
  std::vector<std::uint8_t> text(length);
  if (bytes.read(text) != length) bytes.reject("is truncated: it ends inside its header");
  header.header_bytes = start.size() + digits.size() + length;
  return {text.begin(), text.end()};
}

}  // namespace

NpyHeader read_npy_header(ByteStream& bytes) {
  NpyHeader header;
  const std::string text = read_text(bytes, header);
  Literal literal(bytes, text);
  std::vector<std::string> seen;
  literal.need('{', "at its beginning");
  for (bool comma = true; !literal.take('}'); comma = literal.take(',')) {
    if (!comma) literal.fail("a comma is missing between its keys");
    const std::string key(literal.string("a key"));
    if (std::find(seen.begin(), seen.end(), key) != seen.end())
      literal.fail("the key " + in_quotes(key) + " is given twice");
    seen.push_back(key);
    literal.need(':', "behind the key " + in_quotes(key));
    if (key == "descr") {
      read_type(bytes, literal.string("descr"), header);
    } else if (key == "fortran_order") {
      header.fortran_order = literal.boolean("fortran_order");
    } else if (key == "shape") {
      header.shape = literal.tuple("shape");
    } else {
      literal.fail("the key " + in_quotes(key) + " is unknown");
    }
  }
  if (!literal.at_end()) literal.fail("something follows its dictionary");
  if (seen.size() != 3) literal.fail("it must give descr, fortran_order and shape");
  check_shape(bytes, header);
  return header;
}

std::string type_name(const NpyHeader& header) {
  const std::string bits = std::to_string(8 * header.bytes);
  switch (header.kind) {
    case 'b':
      return "bool";
    case 'i':
      return "int" + bits;
    case 'u':
      return "uint" + bits;
    default:
      return "float" + bits;
  }
}

}  // namespace breakeven
