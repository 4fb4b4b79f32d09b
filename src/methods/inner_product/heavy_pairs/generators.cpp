#include "methods/inner_product/heavy_pairs/generators.hpp"

#include <algorithm>
#include <cmath>

#include "base/philox.hpp"

namespace breakeven::inner_product {
namespace {

// One stream a random object.
enum class Object : std::uint32_t {
  a = 1,
  b,
  a_flip,
  b_flip,
  centre,
  a_cluster,
  b_cluster,
  planted_a,
  planted_b,
  matching,
  flips
};

Stream stream(Object object) {
  return static_cast<Stream>(object);
}

constexpr int flip_digits = 16;  // the probability of a flip is a multiple of 2^-16

/// Fair bits: words 2 q and 2 q + 1 of a row are the four counter words of (row, q).
void fair_words(const Philox& random, Index row, std::span<Word> out) {
  for (std::size_t w = 0; w < out.size(); w += 2) {
    const auto drawn = random.bits(row, static_cast<Index>(w / 2));
    out[w] = Word{drawn[1]} << 32 | drawn[0];
    if (w + 1 < out.size()) out[w + 1] = Word{drawn[3]} << 32 | drawn[2];
  }
}

/// Word w of a row of bits that are set with probability share / 2^16: a fair word for each binary digit, the last
/// first; an OR where the digit is 1 and an AND where it is 0 halve the distance to 1 or to 0.
Word rare_word(const Philox& random, Index row, Index w, Index share) {
  Word word = 0;
  for (int digit = 0; digit < flip_digits; digit += 2) {
    const auto drawn = random.bits(row, w * (flip_digits / 2) + digit / 2);
    for (const int k : {0, 1}) {
      const Word fair = Word{drawn[static_cast<std::size_t>(2 * k + 1)]} << 32 | drawn[static_cast<std::size_t>(2 * k)];
      word = (share >> (digit + k) & 1) != 0 ? word | fair : word & fair;
    }
  }
  return word;
}

void clear_padding(std::span<Word> row, Index n_bits) {
  if (!row.empty()) row.back() &= last_word_mask(n_bits);
}

}  // namespace

std::vector<PlantedPair> planted_pairs(const HeavyPairsSpec& spec, std::uint64_t seed) {
  if (spec.data == "file") return {};
  const Philox in_a(seed, stream(Object::planted_a)), in_b(seed, stream(Object::planted_b));
  const std::vector<Index> order =
      permutation(Philox(seed, stream(Object::matching)), spec.self ? 2 * spec.planted : spec.planted, 0);
  const auto at = [](const std::vector<Index>& rows, Index k) { return rows[static_cast<std::size_t>(k)]; };
  std::vector<PlantedPair> pairs;
  if (spec.self) {
    const std::vector<Index> rows = sample_without_replacement(in_a, spec.n, 2 * spec.planted);
    for (Index k = 0; k < spec.planted; ++k) {
      const auto [i, j] = std::minmax({at(rows, at(order, 2 * k)), at(rows, at(order, 2 * k + 1))});
      pairs.push_back({i, j});
    }
  } else {
    const std::vector<Index> rows_a = sample_without_replacement(in_a, spec.n, spec.planted);
    const std::vector<Index> rows_b = sample_without_replacement(in_b, spec.n_b, spec.planted);
    for (Index k = 0; k < spec.planted; ++k) pairs.push_back({at(rows_a, k), at(rows_b, at(order, k))});
  }
  return pairs;
}

template <class T>
GeneratedSigns<T>::GeneratedSigns(const HeavyPairsSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed) {
  const std::vector<PlantedPair> pairs = planted_pairs(spec, seed);
  for (std::size_t k = 0; k < pairs.size(); ++k) partners_.push_back({pairs[k].j, pairs[k].i, static_cast<Index>(k)});
  std::sort(partners_.begin(), partners_.end(), [](const Partner& x, const Partner& y) { return x.row < y.row; });
}

/// A row as if nothing were planted.
template <class T>
void GeneratedSigns<T>::draw(std::string_view name, Index row, std::span<T> out) const {
  const bool of_a = name == "a";
  if (spec_.data == "uniform") {
    fair_words(Philox(seed_, stream(of_a ? Object::a : Object::b)), row, out);
  } else {
    const Philox flips(seed_, stream(of_a ? Object::a_flip : Object::b_flip));
    const Philox clusters(seed_, stream(of_a ? Object::a_cluster : Object::b_cluster));
    const Index cluster = spec_.data == "biased" ? 0 : clusters.below(spec_.clusters, row);
    const auto share = static_cast<Index>(std::lround(0.5 * (1 - std::sqrt(spec_.background)) * (1 << flip_digits)));
    fair_words(Philox(seed_, stream(Object::centre)), cluster, out);
    for (std::size_t w = 0; w < out.size(); ++w) out[w] ^= rare_word(flips, row, static_cast<Index>(w), share);
  }
  clear_padding(out, spec_.d);
}

/// radius() distinct places by Floyd's algorithm (Bentley and Floyd 1987), the row of bits being its set.
template <class T>
void GeneratedSigns<T>::flip(Index pair, std::span<T> row) const {
  const Philox random(seed_, stream(Object::flips));
  std::vector<Word> chosen(row.size(), 0);
  const auto word = [&](Index place) -> Word& { return chosen[static_cast<std::size_t>(place / bits_per_word)]; };
  const auto bit = [](Index place) { return Word{1} << (place % bits_per_word); };
  for (Index top = spec_.d - spec_.radius(); top < spec_.d; ++top) {
    const Index candidate = random.below(top + 1, pair, top);
    const Index place = (word(candidate) & bit(candidate)) != 0 ? top : candidate;
    word(place) |= bit(place);
  }
  for (std::size_t w = 0; w < row.size(); ++w) row[w] ^= chosen[w];
}

template <class T>
void GeneratedSigns<T>::fill(std::string_view name, Index, Range range, std::span<T> out) const {
  const auto words = static_cast<std::size_t>(spec_.words());
  const bool has_partners = spec_.self || name == "b";
  auto partner = std::lower_bound(partners_.begin(), partners_.end(), range.begin,
                                  [](const Partner& candidate, Index row) { return candidate.row < row; });
  for (Index i = range.begin; i < range.end; ++i) {
    const std::span<T> row = out.subspan(static_cast<std::size_t>(i - range.begin) * words, words);
    if (has_partners && partner != partners_.end() && partner->row == i) {
      draw("a", partner->of, row);
      flip(partner->pair, row);
      ++partner;
    } else {
      draw(spec_.self ? "a" : name, i, row);
    }
  }
}

template class GeneratedSigns<Word>;

}  // namespace breakeven::inner_product
