// Speed of the searches for pairs of packed rows on one core, without MPI: seconds, compared bits a second and their
// share of what XOR, population count and add reach from the first-level cache, measured in the same process before and
// after. Usage: hamming_kernel [rounds, default 5] [lg n, default 14] [instruction set, default all]
// A round runs every operation once, so that all see the same drifts of the machine; the best of all rounds counts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "base/stopwatch.hpp"
#include "numerics/ceilings.hpp"
#include "numerics/cpu.hpp"
#include "numerics/hamming_pairs.hpp"

namespace {

using breakeven::BitPair;
using breakeven::BitView;
using breakeven::HammingSearch;
using breakeven::HammingStage;
using breakeven::Index;
using breakeven::Word;

/// Random signs.
struct Rows {
  Index n, n_bits;
  std::uint32_t stream;
  breakeven::AlignedVector<Word> words =
      breakeven::AlignedVector<Word>(static_cast<std::size_t>(n * breakeven::words_for(n_bits)));

  Rows(Index rows, Index bits, std::uint32_t stream_) : n(rows), n_bits(bits), stream(stream_) {
    const breakeven::Philox random(1, breakeven::Stream{stream});
    for (std::size_t k = 0; k < words.size(); ++k) {
      const auto four = random.bits(static_cast<Index>(k), 0);
      words[k] = Word{four[0]} << 32 | four[1];
    }
  }
  BitView view() const { return {words.data(), n, n_bits}; }
};

struct Timed {
  std::string name;
  double bits;  ///< compared by one run
  std::function<Index()> run;
  double best_s = 1e300;
  Index pairs = 0;
};

/// Searches of n x n rows whose tests need `stages`.
void add_search(std::vector<Timed>& operations, const std::string& name, const Rows& a, const Rows& b,
                std::vector<HammingStage> stages) {
  const double bits = static_cast<double>(a.n) * static_cast<double>(b.n) * 64 * static_cast<double>(stages[0].words);
  operations.push_back({name, bits, [&a, &b, stages] {
                          HammingSearch search(breakeven::words_for(a.n_bits));
                          Index pairs = 0;
                          search.scan(a.view(), b.view(), stages, [&](std::span<const BitPair> batch) {
                            pairs += static_cast<Index>(batch.size());
                            return true;
                          });
                          return pairs;
                        }});
}

void run_all(std::vector<Timed>& operations, int rounds) {
  double before = breakeven::xor_popcount_bits(0.2), after = 0;
  for (int round = 0; round < rounds; ++round)
    for (Timed& timed : operations) {
      const breakeven::Stopwatch watch;
      timed.pairs = timed.run();
      timed.best_s = std::min(timed.best_s, watch.seconds());
    }
  after = breakeven::xor_popcount_bits(0.2);
  std::printf("limit before %.0f and after %.0f Gbit/s\n", before * 1e-9, after * 1e-9);
  std::printf("%-36s %9s %8s %7s %9s\n", "search", "s", "Gbit/s", "% limit", "pairs");
  for (const Timed& timed : operations)
    std::printf("%-36s %9.5f %8.0f %7.1f %9lld\n", timed.name.c_str(), timed.best_s, timed.bits / timed.best_s * 1e-9,
                100 * timed.bits / timed.best_s / std::max(before, after), static_cast<long long>(timed.pairs));
  std::fflush(stdout);
}

/// Searches of whole rows and of prefixes, on one instruction set.
void report(const std::string& target, int rounds, Index n) {
  const breakeven::SimdTargetScope scope(target);
  std::printf("%s, n %lld; %% of the limit with these vectors\n", target.c_str(), static_cast<long long>(n));
  std::vector<Rows> a, b;
  const std::vector<Index> dimensions = {64, 128, 192, 256, 320, 512, 1024};
  for (const Index d : dimensions) {
    a.emplace_back(n, d, 0);
    b.emplace_back(n, d, 1);
  }
  std::vector<Timed> operations;
  for (std::size_t k = 0; k < dimensions.size(); ++k) {
    const Index d = dimensions[k], radius = d / 4 - d / 16;  // rho = 5/8: no pair by chance from 128 bits on
    add_search(operations, "whole rows, d " + std::to_string(d), a[k], b[k], {{breakeven::words_for(d), radius}});
  }
  const Rows &wide_a = a.back(), &wide_b = b.back();
  // Prefixes of 1,024 bits: tests that 99.9 % of the pairs at rho = 0.5 and 0.7 pass.
  add_search(operations, "prefix 64 (19)", wide_a, wide_b, {{1, 19}});
  add_search(operations, "prefix 128 (46)", wide_a, wide_b, {{2, 46}});
  add_search(operations, "prefix 128 (46), 192 (67)", wide_a, wide_b, {{2, 46}, {3, 67}});
  add_search(operations, "prefix 192 (67)", wide_a, wide_b, {{3, 67}});
  add_search(operations, "prefix 256 (86)", wide_a, wide_b, {{4, 86}});
  run_all(operations, rounds);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const Index n = Index{1} << (argc > 2 ? std::atoi(argv[2]) : 14);
  const std::vector<std::string> all = breakeven::bit_simd_targets();
  for (const std::string& target : all)
    if (argc <= 3 || target == argv[3]) report(target, rounds, n);
}
