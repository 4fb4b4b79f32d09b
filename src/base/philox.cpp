#include "base/philox.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <unordered_set>

namespace breakeven {
namespace {

double to_unit(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits53 = ((std::uint64_t{high} << 32) | low) >> 11;
  return static_cast<double>(bits53) * 0x1p-53;
}

}  // namespace

// The stream shares a counter word with the top of j: columns stay below 2^32, rows have the full 64 bits.
std::array<std::uint32_t, 4> Philox::bits(Index i, Index j) const {
  const auto row = static_cast<std::uint64_t>(i);
  const r123::Philox4x32::ctr_type counter{{static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(row >> 32),
                                            static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(stream_)}};
  const r123::Philox4x32::key_type key{{static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}};
  const auto words = r123::Philox4x32()(counter, key);
  return {words[0], words[1], words[2], words[3]};
}

double Philox::uniform(Index i, Index j) const {
  const auto words = bits(i, j);
  return to_unit(words[0], words[1]);
}

double Philox::normal(Index i, Index j) const {
  return normal_pair(i, j)[0];
}

std::array<double, 2> Philox::normal_pair(Index i, Index j) const {
  const auto words = bits(i, j);
  const double radius = std::sqrt(-2.0 * std::log1p(-to_unit(words[0], words[1])));
  const double angle = 2.0 * std::numbers::pi * to_unit(words[2], words[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

Index Philox::below(Index bound, Index i, Index j) const {
  const auto words = bits(i, j);
  const std::uint64_t word = (std::uint64_t{words[0]} << 32) | words[1];
  return static_cast<Index>(word % static_cast<std::uint64_t>(bound));
}

std::vector<Index> sample_without_replacement(const Philox& random, Index n, Index count) {
  if (count >= n) {
    std::vector<Index> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), Index{0});
    return all;
  }
  std::unordered_set<Index> chosen;
  for (Index top = n - count; top < n; ++top) {
    const Index candidate = random.below(top + 1, top);
    chosen.insert(chosen.contains(candidate) ? top : candidate);
  }
  std::vector<Index> sorted(chosen.begin(), chosen.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::vector<Index> permutation(const Philox& random, Index n, Index draw) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = n - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(random.below(i + 1, i, draw))]);
  return order;
}

}  // namespace breakeven
