#include "base/source.hpp"

#include <gmock/gmock.h>

namespace breakeven {
namespace {

class Counting final : public Source<float> {
 public:
  Index columns(std::string_view) const override { return 3; }

 protected:
  void fill(std::string_view, Index slice, Range range, std::span<float> out) const override {
    std::size_t at = 0;
    for (Index i = range.begin; i < range.end; ++i)
      for (Index j = 0; j < 3; ++j) out[at++] = static_cast<float>(100 * slice + 10 * i + j);
  }
};

TEST(Source, ServesRowsAndEntriesAndCountsThem) {
  const Counting source;
  const Array<float> rows = source.rows("q", 1, {2, 4});
  EXPECT_EQ(rows(0, 1, 2), 132);
  EXPECT_EQ(source.entry("q", 0, 7, 1), 71);
  EXPECT_EQ(source.rows("q", 0, {5, 5}).size(), 0);  // empty ranges are asked for too
  std::array<float, 4> block{};
  source.block("q", 2, {3, 5}, {1, 3}, block);
  EXPECT_THAT(block, testing::ElementsAre(231, 232, 241, 242));
  EXPECT_EQ(source.served().entries, 11);  // of a block what was asked for, not the rows it was cut from
  EXPECT_EQ(source.served().bytes, 44);
}

}  // namespace
}  // namespace breakeven
