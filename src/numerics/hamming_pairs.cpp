#include "numerics/hamming_pairs.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "numerics/chance.hpp"
#include "numerics/hamming_kernel.hpp"

namespace breakeven {
namespace {

// A packed block of B stays in the second-level cache while all of A passes by; half of what a core of today has, so
// that the rows of A and the caller's do not push it out.
constexpr Index block_bytes = Index{1} << 18;
constexpr Index most_tile_bytes = 128 * 64;  // of a packed word of a tile of any kernel
constexpr std::size_t batch = 4096;          // pairs handed to the sink at once

/// Words of memory for a packed block of rows of so many words, whichever kernel packs it, and for the kernel's
/// scratch.
Index packed_words(Index max_words) {
  const Index one_tile = most_tile_bytes * max_words;
  return std::max(block_bytes, one_tile) / static_cast<Index>(sizeof(Word)) + hamming_scratch_words * max_words;
}

/// Bits of a row in its first words.
Index bits_of(Index words, Index n_bits) {
  return std::min(words * bits_per_word, n_bits);
}

/// Probability that a tile of pairs of uniform rows passes a test, at least one pair in two of which fails it.
double goes_on(const HammingStage& first) {
  constexpr double tile_pairs = 256;
  const double passes = std::min(chance_of_distance(bits_per_word * first.words, first.radius), 0.5);
  return -std::expm1(tile_pairs * std::log1p(-passes));
}

/// A sink as the kernels see it.
class Batches {
 public:
  Batches(std::vector<BitPair>& pairs, const PairSink& sink) : sink_(sink) {
    pairs.resize(batch);
    buffer_.pairs = pairs.data();
    buffer_.capacity = static_cast<Index>(pairs.size());
    buffer_.owner = this;
    buffer_.flush = [](PairBuffer& buffer) { static_cast<Batches*>(buffer.owner)->flush(); };
  }
  PairBuffer& buffer() { return buffer_; }
  void flush() {
    if (buffer_.size > 0 && !sink_({buffer_.pairs, static_cast<std::size_t>(buffer_.size)})) buffer_.stopped = true;
    buffer_.size = 0;
  }

 private:
  const PairSink& sink_;
  PairBuffer buffer_;
};

}  // namespace

HammingSearch::HammingSearch(Index max_words, SignArithmetic arithmetic)
    : arithmetic_(arithmetic), packed_(static_cast<std::size_t>(packed_words(max_words))), found_(batch) {}

Index HammingSearch::bytes(Index max_words) {
  return packed_words(max_words) * static_cast<Index>(sizeof(Word)) + static_cast<Index>(batch * sizeof(BitPair));
}

Index HammingSearch::take_bits_compared() {
  return std::exchange(bits_compared_, 0);
}

void HammingSearch::scan_blocks(BitView a, BitView b, bool triangle, std::span<const HammingStage> stages,
                                const PairSink& sink) {
  Index radius = 0;
  for (const HammingStage& stage : stages) radius = std::max(radius, stage.radius);
  const HammingKernel kernel = arithmetic_ == SignArithmetic::int8 ? int8_kernel() : hamming_kernel(radius);
  const Index words = stages.back().words, row_bytes = words * kernel.bytes_a_word;
  const Index tiles = std::max<Index>(block_bytes / (row_bytes * kernel.tile_columns), 1);
  Word* const scratch = packed_.data() + static_cast<Index>(packed_.size()) - hamming_scratch_words * words;
  Batches batches(found_, sink);
  HammingBlock block;
  block.a_stride = a.words_per_row();
  block.b = packed_.data();
  block.b_words = words;
  block.triangle = triangle;
  for (block.first_b = 0; block.first_b < b.n_rows && !batches.buffer().stopped; block.first_b += block.n_b) {
    block.n_b = std::min(tiles * kernel.tile_columns, b.n_rows - block.first_b);
    kernel.pack(b.row(block.first_b), b.words_per_row(), block.n_b, words, packed_.data());
    block.a = a.words;
    block.n_a = triangle ? std::min(a.n_rows, block.first_b + block.n_b) : a.n_rows;
    batches.buffer().tiles_beyond_first = 0;
    kernel.scan(block, stages.data(), static_cast<Index>(stages.size()), scratch, batches.buffer());
    const Index pairs = triangle ? block.n_b * block.first_b + block.n_b * (block.n_b - 1) / 2 : block.n_a * block.n_b;
    const Index beyond = batches.buffer().tiles_beyond_first * kernel.tile_rows * kernel.tile_columns;
    const Index first_bits = bits_of(stages.front().words, b.n_bits);
    bits_compared_ += pairs * first_bits + std::min(beyond, pairs) * (bits_of(words, b.n_bits) - first_bits);
    // A first test that seldom ends a tile is not worth its while; the second one is stricter.
    const Index tiles_of_a = (block.n_a + kernel.tile_rows - 1) / kernel.tile_rows;
    const Index tiles_of_b = (block.n_b + kernel.tile_columns - 1) / kernel.tile_columns;
    if (stages.size() > 1 && stages[0].radius >= stages[1].radius &&
        2 * batches.buffer().tiles_beyond_first > tiles_of_a * tiles_of_b)
      stages = stages.subspan(1);
  }
  if (!batches.buffer().stopped) batches.flush();
}

void HammingSearch::scan(BitView a, BitView b, std::span<const HammingStage> stages, const PairSink& sink) {
  scan_blocks(a, b, false, stages, sink);
}

void HammingSearch::scan_triangle(BitView a, std::span<const HammingStage> stages, const PairSink& sink) {
  scan_blocks(a, a, true, stages, sink);
}

std::vector<HammingStage> early_exit_stages(Index n_bits, Index radius) {
  constexpr double going_on = 4;  // what it costs a tile to go on, in words of all its pairs
  const Index words = words_for(n_bits);
  HammingStage first{words, radius};
  auto least = static_cast<double>(words);
  // Before as many words are compared as uniform rows differ in `radius` places of, at least one pair in two goes on.
  for (Index w = 2 * radius / bits_per_word + 1; w < words && static_cast<double>(w) < least; ++w) {
    const double cost = static_cast<double>(w) + goes_on({w, radius}) * (static_cast<double>(words - w) + going_on);
    if (cost >= least) continue;
    least = cost;
    first.words = w;
  }
  if (first.words == words) return {first};
  return {first, {words, radius}};
}

double expected_bits(Index n_bits, std::span<const HammingStage> stages) {
  const Index first = bits_of(stages.front().words, n_bits), rest = bits_of(stages.back().words, n_bits) - first;
  return static_cast<double>(first) + (rest > 0 ? goes_on(stages.front()) * static_cast<double>(rest) : 0);
}

void keep_within(BitView a, BitView b, Index radius, std::span<const BitPair> pairs, std::vector<BitPair>& kept) {
  for (const BitPair& pair : pairs) {
    const Index distance = hamming_distance(a.row(pair.i), b.row(pair.j), a.words_per_row());
    if (distance <= radius) kept.push_back({pair.i, pair.j, distance});
  }
}

}  // namespace breakeven
