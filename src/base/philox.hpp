#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// Names one random object; two objects with the same seed and different streams are independent.
enum class Stream : std::uint32_t {};

/// Counter-based random numbers: the value at (i, j) depends on seed, stream, i and j alone, never on the rank or on
/// what was drawn before, so the blocks of any number of ranks concatenate to the same matrix.
/// Source: Salmon, Moraes, Dror, Shaw (2011), Philox4x32-10, as implemented by Random123.
class Philox {
 public:
  Philox(std::uint64_t seed, Stream stream) : seed_(seed), stream_(stream) {}

  /// Four 32-bit words of the counter (i, j).
  std::array<std::uint32_t, 4> bits(Index i, Index j) const;
  /// 53 random bits at (i, j), in [0, 1).
  double uniform(Index i, Index j = 0) const;
  /// Standard normal at (i, j) (Box and Muller).
  double normal(Index i, Index j = 0) const;
  /// Two independent standard normals at (i, j), the first of them normal(i, j): half the price of two calls.
  std::array<double, 2> normal_pair(Index i, Index j = 0) const;
  /// Integer at (i, j) in [0, bound), bias below 2^-32 for bound < 2^32.
  Index below(Index bound, Index i, Index j = 0) const;

 private:
  std::uint64_t seed_;
  Stream stream_;
};

/// `count` distinct integers in [0, n), ascending, chosen by the generator (all of them if count >= n).
/// Source: Floyd's algorithm (Bentley and Floyd 1987), O(count) memory.
std::vector<Index> sample_without_replacement(const Philox& random, Index n, Index count);

/// The integers 0..n-1 in an order drawn by Fisher and Yates; `draw` tells several permutations apart.
std::vector<Index> permutation(const Philox& random, Index n, Index draw);

}  // namespace breakeven
