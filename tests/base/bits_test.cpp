#include "base/bits.hpp"

#include <gmock/gmock.h>

#include <array>
#include <limits>
#include <vector>

namespace breakeven {
namespace {

using testing::ElementsAre;

std::vector<double> row_with_minus_at(Index n_columns, const std::vector<Index>& places) {
  std::vector<double> signs(static_cast<std::size_t>(n_columns), 1);
  for (const Index place : places) signs[static_cast<std::size_t>(place)] = -1;
  return signs;
}

TEST(Bits, MinusOneIsASetBitAndPaddingIsZero) {
  std::array<Word, 2> packed{~Word{0}, ~Word{0}};  // what was there before does not matter
  pack_signs(row_with_minus_at(70, {0, 5, 63, 64, 69}), 70, "a", 0, packed);
  EXPECT_THAT(packed, ElementsAre(Word{1} | Word{1} << 5 | Word{1} << 63, Word{1} | Word{1} << 5));
}

TEST(Bits, LastWordsMaskCoversTheColumnsAlone) {
  EXPECT_EQ(last_word_mask(1), 1u);
  EXPECT_EQ(last_word_mask(64), ~Word{0});
  EXPECT_EQ(last_word_mask(65), 1u);
  EXPECT_EQ(last_word_mask(127), ~Word{0} >> 1);
}

TEST(Bits, NameTheFirstEntryThatIsNoSign) {
  std::array<Word, 3> packed{};
  for (const auto& [value, text] :
       {std::pair{0.0, "0"}, {2.0, "2"}, {-1.5, "-1.5"}, {std::numeric_limits<double>::quiet_NaN(), "NaN"}}) {
    std::vector<double> signs(9, 1);
    signs[5] = value;  // row 1, column 2 of three columns
    signs[8] = value;
    try {
      pack_signs(signs, 3, "b", 40, packed);
      ADD_FAILURE() << value << " was taken for a sign";
    } catch (const BadSign& bad) {
      EXPECT_EQ(bad.row(), 41);
      EXPECT_EQ(bad.column(), 2);
      EXPECT_EQ(bad.what(), std::string("dataset /b holds ") + text + " at row 41, column 2; signs are +1 and -1");
    }
  }
}

TEST(Bits, NameTheFirstPaddingBitThatIsSet) {
  std::array<Word, 4> packed{~Word{0}, 63, 0, Word{1} << 7 | Word{1} << 9};  // 70 bits a row: bits 0 to 5 of word 1
  try {
    require_zero_padding(packed, 70, "a", 10);
    ADD_FAILURE() << "padding was not looked at";
  } catch (const BadSign& bad) {
    EXPECT_EQ(bad.row(), 11);
    EXPECT_EQ(bad.column(), 71);
    EXPECT_STREQ(bad.what(), "dataset /a has bit 71 of row 11 set, beyond its n_bits = 70");
  }
  packed[3] = 63;
  EXPECT_NO_THROW(require_zero_padding(packed, 70, "a", 10));
  EXPECT_NO_THROW(require_zero_padding(packed, 128, "a", 10));
}

}  // namespace
}  // namespace breakeven
