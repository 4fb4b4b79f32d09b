#include "numerics/gather_bits.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "base/philox.hpp"
#include "numerics/cpu.hpp"

namespace breakeven {
namespace {

/// Rows: none, fewer than a vector holds, more than one round of the kernel. Places: out of order, in every word, more
/// and fewer than a word of them.
TEST(GatherBits, PutsTheChosenPlacesSideBySideOnEveryInstructionSet) {
  const Philox random(3, Stream{1});
  for (const std::string& target : bit_simd_targets()) {
    const SimdTargetScope scope(target);
    for (const Index n_rows : {0, 1, 5, 17, 300})
      for (const Index n_bits : {64, 130, 500})
        for (const Index chosen : {1, 31, 32, 33, 64, 100}) {
          std::vector<Word> rows(static_cast<std::size_t>(n_rows * words_for(n_bits)));
          for (std::size_t w = 0; w < rows.size(); ++w) {
            const auto drawn = random.bits(static_cast<Index>(w), n_bits);
            rows[w] = Word{drawn[0]} << 32 | drawn[1];
          }
          std::vector<Index> places;
          for (Index k = 0; k < chosen; ++k) places.push_back((k * 37 + 11) % n_bits);
          std::vector<Word> out(static_cast<std::size_t>(n_rows * words_for(chosen)), ~Word{0});
          const BitView view{rows.data(), n_rows, n_bits};
          gather_bits(view, places, out.data());
          const BitView gathered{out.data(), n_rows, chosen};
          for (Index i = 0; i < n_rows; ++i) {
            for (Index k = 0; k < chosen; ++k) {
              const Index place = places[static_cast<std::size_t>(k)];
              EXPECT_EQ(gathered.row(i)[k / 64] >> (k % 64) & 1, view.row(i)[place / 64] >> (place % 64) & 1)
                  << target << " row " << i << " place " << place;
            }
            EXPECT_EQ(gathered.row(i)[words_for(chosen) - 1] & ~last_word_mask(chosen), 0u);
          }
        }
  }
}

}  // namespace
}  // namespace breakeven
