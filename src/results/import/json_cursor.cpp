#include "results/import/json_cursor.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/value.hpp"

namespace breakeven {
namespace {

using Json = nlohmann::json;

constexpr Index largest_token = 1 << 24;
constexpr std::size_t deepest = 64;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// What the parser says is wrong, without the place, which it counts from the value, and without what it read.
std::string reason_in(const std::string& message) {
  const std::size_t begin = message.find(" - "), end = message.find("; last read");
  if (begin == std::string::npos) return "";
  return ": " + printable(message.substr(begin + 3, end == std::string::npos ? end : end - begin - 3));
}

/// Takes every event of the parser and wants none of them; what it counts is how deep it is. A refusal stays in
/// `wrong`.
class Skipping : public nlohmann::json_sax<Json> {
 public:
  explicit Skipping(Index& token_bytes) : token_bytes_(token_bytes) {}
  std::string wrong;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(std::int64_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) override { return number(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) override { return number(value); }
  bool string(std::string& value) override { return text(value); }
  bool binary(Json::binary_t&) override { return other(); }
  bool start_object(std::size_t) override { return deeper() && other(); }
  bool key(std::string&) override { return other(); }
  bool end_object() override { return --depth_, other(); }
  bool start_array(std::size_t) override { return deeper() && array(); }
  bool end_array() override { return --depth_, seen(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    constexpr int overflow = 406;  // nlohmann's number of "number overflow"
    return refuse(error.id == overflow ? "a number is beyond float64" : "no valid JSON" + reason_in(error.what()));
  }

 protected:
  virtual bool number(double) { return seen(); }
  virtual bool text(std::string&) { return seen(); }
  virtual bool array() { return seen(); }
  virtual bool other() { return seen(); }
  bool seen() {
    token_bytes_ = 0;
    return true;
  }
  bool refuse(const std::string& what) {
    wrong = what;
    return false;
  }
  std::size_t depth() const { return depth_; }

 private:
  bool deeper() { return ++depth_ <= deepest || refuse("nested deeper than " + std::to_string(deepest)); }
  Index& token_bytes_;
  std::size_t depth_ = 0;
};

class TakingText final : public Skipping {
 public:
  using Skipping::Skipping;
  std::string value;

 private:
  bool text(std::string& found) override {
    value = std::move(found);
    return seen();
  }
};

class TakingNumbers final : public Skipping {
 public:
  TakingNumbers(Index& token_bytes, std::size_t most, std::vector<double>& found)
      : Skipping(token_bytes), most_(most), found_(found) {}
  Index count = 0;

 private:
  bool number(double value) override {
    if (found_.size() < most_) found_.push_back(value);
    ++count;
    return seen();
  }
  bool array() override { return depth() == 1 ? seen() : other(); }
  bool text(std::string&) override { return other(); }
  bool other() override { return refuse("an array of numbers holds something that is none"); }

  std::size_t most_;
  std::vector<double>& found_;
};

}  // namespace

/// The bytes of the cursor as the parser takes them. Copies share the cursor: the parser reads no byte that is not part
/// of its value (numbers outside of arrays aside, which are not given to it), so the cursor then stands behind it.
class JsonCursor::Byte {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit Byte(JsonCursor* cursor = nullptr) : cursor_(cursor) {}
  char operator*() const { return static_cast<char>(cursor_->block_[cursor_->position_]); }
  Byte& operator++() {
    cursor_->advance();
    return *this;
  }
  friend bool operator==(const Byte& a, const Byte& b) { return a.ended() == b.ended(); }
  friend bool operator!=(const Byte& a, const Byte& b) { return !(a == b); }

 private:
  bool ended() const { return cursor_ == nullptr || cursor_->at_end(); }
  JsonCursor* cursor_;
};

JsonCursor::JsonCursor(ByteStream& bytes) : bytes_(bytes), block_(1 << 16) {}

void JsonCursor::reject(const std::string& what) const {
  bytes_.reject("byte " + std::to_string(bytes_before_ + static_cast<Index>(position_)) + ": " + what);
}

bool JsonCursor::refill() {
  bytes_before_ += static_cast<Index>(end_);
  end_ = bytes_.read(block_);
  position_ = 0;
  return end_ > 0;
}

void JsonCursor::advance() {
  ++position_;
  if (++token_bytes_ > largest_token) reject("16 MiB without the end of a value");
}

char JsonCursor::peek() {
  while (!at_end() && is_blank(static_cast<char>(block_[position_]))) ++position_;
  return at_end() ? '\0' : static_cast<char>(block_[position_]);
}

void JsonCursor::expect(char expected) {
  const char found = peek();
  if (found != expected)
    reject(std::string("no valid JSON: '") + expected + "' expected, " +
           (at_end() ? "the file ends" : "got " + in_quotes(std::string(1, found))));
  ++position_;
}

bool JsonCursor::another() {
  if (peek() == ',') {
    ++position_;
    return true;
  }
  expect('}');
  return false;
}

template <class Handler>
void JsonCursor::parse(Handler&& handler) {
  token_bytes_ = 0;
  const bool whole = Json::sax_parse(Byte(this), Byte(), &handler, Json::input_format_t::json, false);
  if (!whole) reject(handler.wrong);
}

std::string JsonCursor::text() {
  if (peek() != '"') expect('"');  // says what is there
  TakingText handler(token_bytes_);
  parse(handler);
  return std::move(handler.value);
}

Index JsonCursor::numbers(std::size_t most, std::vector<double>& found) {
  if (peek() != '[') reject("an array of numbers is needed");
  found.clear();
  TakingNumbers handler(token_bytes_, most, found);
  parse(handler);
  return handler.count;
}

std::string JsonCursor::scalar() {
  std::string word;
  for (peek(); !at_end(); ++position_) {
    const char c = static_cast<char>(block_[position_]);
    if (is_blank(c) || c == ',' || c == '}' || c == ']') break;
    if (word.size() == 64) reject("no valid JSON: " + in_quotes(word) + " begins no value");
    word += c;
  }
  return word;
}

Index JsonCursor::count() {
  const std::string word = scalar();
  Index value = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 0)
    reject("a whole number of at least 0 is needed, got " + in_quotes(word));
  return value;
}

void JsonCursor::skip() {
  const char first = peek();
  if (first == '{' || first == '[' || first == '"') return parse(Skipping(token_bytes_));
  const std::string word = scalar();
  if (!Json::accept(word)) reject("no valid JSON: " + in_quotes(word) + " is no value");
}

void JsonCursor::expect_end() {
  if (peek() != '\0' || !at_end()) reject("no valid JSON: something follows the object");
}

}  // namespace breakeven
