#include "numerics/bit_sampling.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "numerics/gather_bits.hpp"

namespace breakeven {
namespace {

constexpr Index rows_at_once = 256;  // of which keys are made: their words, transposed, stay in the first-level cache
constexpr std::size_t batch = 1024;  // pairs handed to the sink at once
constexpr Index key_word_bits = 32;

Index padded(Index rows) {
  return (rows + keyed_padding - 1) / keyed_padding * keyed_padding + keyed_padding;
}

Index side_bytes(Index n, const BitSamplingJoin::Shape& shape) {
  const Index keys = BitSamplingJoin::tables_at_once + 1 + 4 * shape.check_words;  // 32 bits each
  return padded(n) * keys * 4 + (Index{1} << shape.key_bits) * 4;
}

/// What two keys that meet may differ by: all numbers of key_bits bits with at most key_radius set.
std::vector<std::uint32_t> differences_of(Index key_bits, Index key_radius) {
  std::vector<std::uint32_t> differences;
  for (std::uint32_t difference = 0; difference < std::uint32_t{1} << key_bits; ++difference)
    if (std::popcount(difference) <= key_radius) differences.push_back(difference);
  return differences;
}

std::vector<KeyBit> key_bits_of(std::span<const Index> places) {
  std::vector<KeyBit> bits;
  for (const Index place : places)
    bits.push_back({static_cast<std::int32_t>(place / key_word_bits), static_cast<std::int32_t>(place % key_word_bits),
                    static_cast<std::int32_t>(bits.size())});
  return bits;
}

/// A sink as the kernel sees it.
struct Candidates {
  const CandidateSink& sink;
  Index table = 0;
  PairBuffer buffer{};

  Candidates(const CandidateSink& to, std::vector<BitPair>& pairs) : sink(to) {
    buffer.pairs = pairs.data();
    buffer.capacity = static_cast<Index>(pairs.size());
    buffer.owner = this;
    buffer.flush = [](PairBuffer& full) { static_cast<Candidates*>(full.owner)->flush(); };
  }
  void flush() {
    if (buffer.size > 0 && !sink(table, {buffer.pairs, static_cast<std::size_t>(buffer.size)})) buffer.stopped = true;
    buffer.size = 0;
  }
};

}  // namespace

BitSamplingJoin::Side::Side(Index rows, const Shape& shape)
    : n(rows),
      stride(padded(rows)),
      keys(static_cast<std::size_t>(stride * tables_at_once)),
      check(static_cast<std::size_t>(stride * shape.check_words)),
      sorted_check(static_cast<std::size_t>(stride * shape.check_words)),
      sorted_row(static_cast<std::size_t>(stride)),
      begin(static_cast<std::size_t>(Index{1} << shape.key_bits) + 1) {}

KeyedRows BitSamplingJoin::Side::keyed() const {
  return {sorted_row.data(), sorted_check.data(), stride, begin.data()};
}

BitSamplingJoin::BitSamplingJoin(const Shape& shape)
    : shape_(shape),
      kernel_(bit_sampling_kernel()),
      a_(shape.n_a, shape),
      differences_(differences_of(shape.key_bits, shape.key_radius)),
      found_(batch) {
  if (!shape.self) b_ = Side(shape.n_b, shape);
}

Index BitSamplingJoin::bytes(const Shape& shape) {
  return side_bytes(shape.n_a, shape) + (shape.self ? 0 : side_bytes(shape.n_b, shape)) +
         static_cast<Index>(batch * sizeof(BitPair));
}

void BitSamplingJoin::gather(BitView rows, std::span<const std::vector<Index>> places, std::uint32_t* keys,
                             Index stride) {
  const Index words = 2 * rows.words_per_row();
  columns_.resize(static_cast<std::size_t>(words * rows_at_once));
  std::vector<std::vector<KeyBit>> bits;
  for (const auto& of_key : places) bits.push_back(key_bits_of(of_key));
  for (Index first = 0; first < rows.n_rows; first += rows_at_once) {
    const Index count = std::min(rows_at_once, rows.n_rows - first);
    transpose_halves(rows, first, count, rows_at_once, columns_.data());
    for (std::size_t t = 0; t < bits.size(); ++t)
      kernel_.gather(columns_.data(), rows_at_once, count, bits[t].data(), static_cast<Index>(bits[t].size()),
                     keys + static_cast<Index>(t) * stride + first);
  }
}

void BitSamplingJoin::gather_check(BitView rows, std::span<const Index> places, Side& side) {
  std::vector<std::vector<Index>> halves;
  for (std::size_t begin = 0; begin < places.size(); begin += key_word_bits) {
    const auto half = places.subspan(begin, std::min<std::size_t>(key_word_bits, places.size() - begin));
    halves.emplace_back(half.begin(), half.end());
  }
  std::fill(side.check.begin(), side.check.end(), Word{0});
  for (std::size_t begin = 0; begin < halves.size(); begin += tables_at_once) {
    const std::size_t count = std::min<std::size_t>(tables_at_once, halves.size() - begin);
    gather(rows, std::span(halves).subspan(begin, count), side.keys.data(), side.stride);
    for (std::size_t h = 0; h < count; ++h)
      for (Index i = 0; i < side.n; ++i)
        side.check[static_cast<std::size_t>(static_cast<Index>((begin + h) / 2) * side.stride + i)] |=
            Word{side.keys[h * static_cast<std::size_t>(side.stride) + static_cast<std::size_t>(i)]}
            << ((begin + h) % 2 * key_word_bits);
  }
}

void BitSamplingJoin::set_check(BitView a, BitView b, std::span<const Index> places, Index radius) {
  check_radius_ = radius;
  gather_check(a, places, a_);
  if (!shape_.self) gather_check(b, places, b_);
}

void BitSamplingJoin::sort(Side& side, Index table) const {
  const std::uint32_t* const keys = side.keys.data() + table * side.stride;
  std::fill(side.begin.begin(), side.begin.end(), 0u);
  std::uint32_t* const next = side.begin.data();
  for (Index i = 0; i < side.n; ++i) ++next[keys[i]];
  std::uint32_t sum = 0;
  for (std::uint32_t& count : side.begin) {
    const std::uint32_t rows = count;
    count = sum;
    sum += rows;
  }
  std::uint32_t* const row = side.sorted_row.data();
  const Word* const check = side.check.data();
  Word* const sorted = side.sorted_check.data();
  for (Index i = 0; i < side.n; ++i) {
    const Index to = next[keys[i]]++;
    row[to] = static_cast<std::uint32_t>(i);
    for (Index w = 0; w < shape_.check_words; ++w) sorted[w * side.stride + to] = check[w * side.stride + i];
  }
  // Each beginning has moved to the next one's.
  std::memmove(next + 1, next, (side.begin.size() - 1) * sizeof(std::uint32_t));
  next[0] = 0;
}

Index BitSamplingJoin::join(BitView a, BitView b, std::span<const std::vector<Index>> tables,
                            const CandidateSink& sink) {
  Index met = 0;
  Candidates candidates(sink, found_);
  const KeyJoin sorted{
      a_.keyed(),          shape_.self ? a_.keyed() : b_.keyed(),   shape_.self,        Index{1} << shape_.key_bits,
      differences_.data(), static_cast<Index>(differences_.size()), shape_.check_words, check_radius_};
  for (std::size_t begin = 0; begin < tables.size(); begin += tables_at_once) {
    const auto some = tables.subspan(begin, std::min<std::size_t>(tables_at_once, tables.size() - begin));
    gather(a, some, a_.keys.data(), a_.stride);
    if (!shape_.self) gather(b, some, b_.keys.data(), b_.stride);
    for (std::size_t t = 0; t < some.size() && !candidates.buffer.stopped; ++t) {
      candidates.table = static_cast<Index>(begin + t);
      sort(a_, static_cast<Index>(t));
      if (!shape_.self) sort(b_, static_cast<Index>(t));
      met += kernel_.join(sorted, candidates.buffer);
      if (!candidates.buffer.stopped) candidates.flush();
    }
  }
  return met;
}

Index first_table(const Word* a, const Word* b, Index words, const Word* masks, Index n_tables, Index key_radius) {
  return bit_sampling_kernel().first_within(a, b, words, masks, n_tables, key_radius);
}

}  // namespace breakeven
