#include "results/import/words.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "results/import/json_cursor.hpp"

namespace breakeven {
namespace {

constexpr Index most_dimensions = 1 << 16;
constexpr std::size_t longest_word = 1000;

/// The words of the file with their vectors, from the first one on.
class WordRows {
 public:
  explicit WordRows(ByteStream& bytes) : bytes_(bytes), json_(bytes) {
    if (json_.peek() != '{') bytes_.reject("is no JSON object of word vectors: it must begin with '{'");
    json_.expect('{');
    do {
      if (member() == "vectors") {
        enter();
        return;
      }
      take_member();
    } while (json_.another());
    bytes_.reject("has no member 'vectors'");
  }

  Index dimensions() const { return dimensions_; }
  Index count() const { return count_; }  ///< of words read

  /// The next word and its vector, dimensions() long; false at the end, which is checked too.
  bool next(std::string& word, std::vector<double>& vector) {
    if (ended_) return false;
    word = member();
    if (word.size() > longest_word)
      bytes_.reject("word " + std::to_string(count_) + " is longer than " + std::to_string(longest_word) + " bytes");
    const Index found = json_.numbers(static_cast<std::size_t>(dimensions_), vector);
    if (found < dimensions_)
      bytes_.reject("word " + std::to_string(count_) + " (" + in_quotes(word) + ") has " + std::to_string(found) +
                    " numbers, dimensions says " + std::to_string(dimensions_));
    ++count_;
    if (!json_.another()) read_rest();
    return true;
  }

 private:
  /// The name of a member; what follows is its value.
  std::string member() {
    member_ = json_.text();
    json_.expect(':');
    return member_;
  }

  /// The value of a member that is not `vectors`.
  void take_member() {
    if (member_ == "dimensions")
      dimensions_ = json_.count();
    else if (member_ == "size")
      size_ = json_.count();
    else
      json_.skip();
  }

  void enter() {
    if (dimensions_ == unknown_index) bytes_.reject("must have a member 'dimensions' before 'vectors'");
    if (dimensions_ < 1 || dimensions_ > most_dimensions)
      bytes_.reject("must have between 1 and " + std::to_string(most_dimensions) + " dimensions, has " +
                    std::to_string(dimensions_));
    json_.expect('{');
    if (json_.peek() == '}') bytes_.reject("holds no words");
  }

  void read_rest() {
    ended_ = true;
    const Index dimensions = dimensions_;
    while (json_.another()) {
      if (member() == "vectors") bytes_.reject("has two members 'vectors'");
      take_member();
    }
    json_.expect_end();
    if (dimensions_ != dimensions) bytes_.reject("has two members 'dimensions'");
    if (size_ != unknown_index && size_ != count_)
      bytes_.reject("declares a size of " + std::to_string(size_) + " words, holds " + std::to_string(count_));
  }

  ByteStream& bytes_;
  JsonCursor json_;
  std::string member_;
  Index dimensions_ = unknown_index, size_ = unknown_index, count_ = 0;
  bool ended_ = false;
};

class WordReader final : public MatrixReader {
 public:
  WordReader(ByteStream& bytes, Index max_rows) : bytes_(bytes) {
    WordRows checked(bytes_);
    std::string word;
    while ((max_rows == 0 || checked.count() < max_rows) && checked.next(word, vector_))
      facts_.row_names.push_back(word);
    facts_.shape = {checked.count(), checked.dimensions()};
    facts_.dtype = "f32";
    facts_.summary = std::to_string(checked.count()) + " words of " + std::to_string(checked.dimensions()) + " numbers";
    facts_.origin = {{"dimensions", checked.dimensions(), "", ""}};
    facts_.how_made =
        "breakeven import words: each row is the vector of one word, in the order of the file; entries divided by "
        "normalise";
    bytes_.rewind();
    rows_ = std::make_unique<WordRows>(bytes_);
  }

  const MatrixFacts& facts() const override { return facts_; }

  void read(std::span<double> rows) override {
    std::string word;
    for (; !rows.empty(); rows = rows.subspan(vector_.size())) {
      if (!rows_->next(word, vector_) || vector_.size() > rows.size()) bytes_.reject("has changed while it was read");
      std::copy(vector_.begin(), vector_.end(), rows.begin());
    }
  }

 private:
  ByteStream& bytes_;
  std::unique_ptr<WordRows> rows_;
  std::vector<double> vector_;
  MatrixFacts facts_;
};

}  // namespace

std::unique_ptr<MatrixReader> read_words(ByteStream& bytes, Index max_rows) {
  return std::make_unique<WordReader>(bytes, max_rows);
}

}  // namespace breakeven
