// Speed of the searches for pairs of packed rows, of products of signs and of joins by bit sampling on one core,
// without MPI: seconds, compared bits a second and their share of what XOR, population count and add reach from the
// first-level cache, measured in the same process before and after.
//
// Usage: hamming_kernel [rounds, default 5] [lg n, default 14] [instruction set, default all]
//
// A round runs every operation once, so that all see the same drifts of the machine; the best of all rounds counts.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "base/stopwatch.hpp"
#include "numerics/bit_sampling.hpp"
#include "numerics/blas.hpp"
#include "numerics/ceilings.hpp"
#include "numerics/cpu.hpp"
#include "numerics/hamming_pairs.hpp"
#include "numerics/sign_product.hpp"

namespace {

using breakeven::BitPair;
using breakeven::BitSamplingJoin;
using breakeven::BitView;
using breakeven::HammingSearch;
using breakeven::HammingStage;
using breakeven::Index;
using breakeven::SignArithmetic;
using breakeven::SignProduct;
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
                std::vector<HammingStage> stages, SignArithmetic arithmetic = SignArithmetic::bits) {
  const double bits = static_cast<double>(a.n) * static_cast<double>(b.n) * 64 * static_cast<double>(stages[0].words);
  const auto search = std::make_shared<HammingSearch>(breakeven::words_for(a.n_bits), arithmetic);
  operations.push_back({name, bits, [&a, &b, stages, search] {
                          Index pairs = 0;
                          search->scan(a.view(), b.view(), stages, [&](std::span<const BitPair> batch) {
                            pairs += static_cast<Index>(batch.size());
                            return true;
                          });
                          return pairs;
                        }});
}

/// Products of some rows, fewer of B than a search has: they are slower by an order of magnitude.
void add_products(std::vector<Timed>& operations, const Rows& a, const Rows& b) {
  const Index radius = a.n_bits / 4 - a.n_bits / 16;
  const std::string d = ", d " + std::to_string(a.n_bits);
  add_search(operations, "product in int8" + d, a, b, {{breakeven::words_for(a.n_bits), radius}}, SignArithmetic::int8);
  const double bits = static_cast<double>(a.n) * static_cast<double>(b.n) * static_cast<double>(a.n_bits);
  const auto product = std::make_shared<SignProduct>(a.n_bits);
  operations.push_back({"product in float (BLAS)" + d, bits, [&a, &b, radius, product] {
                          Index pairs = 0;
                          product->scan(a.view(), b.view(), radius, [&](std::span<const BitPair> batch) {
                            pairs += static_cast<Index>(batch.size());
                            return true;
                          });
                          return pairs;
                        }});
}

/// Tables of a join by bit sampling. Few check bits pass, so that keys, sorting and meeting alone are seen.
void report_joins(const Rows& a, const Rows& b, int rounds) {
  std::printf("%-36s %9s %12s %9s %9s\n", "join of 16 tables", "s", "pairs met", "ns a row", "ns a pair");
  for (const auto& [key_bits, key_radius, check_words] : std::vector<std::array<Index, 3>>{{16, 0, 1},
                                                                                           {16, 0, 2},
                                                                                           {12, 0, 1},
                                                                                           {9, 0, 1},
                                                                                           {9, 0, 2},
                                                                                           {6, 0, 1},
                                                                                           {6, 0, 2},
                                                                                           {12, 1, 1},
                                                                                           {12, 1, 2},
                                                                                           {16, 1, 1},
                                                                                           {16, 2, 1}}) {
    BitSamplingJoin join({a.n, b.n, false, key_bits, key_radius, check_words});
    std::vector<std::vector<Index>> tables;
    for (std::uint32_t t = 0; t < 16; ++t)
      tables.push_back(sample_without_replacement(breakeven::Philox(t, breakeven::Stream{9}), a.n_bits, key_bits));
    join.set_check(a.view(), b.view(),
                   sample_without_replacement(breakeven::Philox(1, breakeven::Stream{8}), a.n_bits, 64 * check_words),
                   12 * check_words);
    double best_s = 1e300;
    Index met = 0;
    for (int round = 0; round < rounds; ++round) {
      const breakeven::Stopwatch watch;
      met = join.join(a.view(), b.view(), tables, [](Index, std::span<const BitPair>) { return true; });
      best_s = std::min(best_s, watch.seconds());
    }
    char name[64];
    std::snprintf(name, sizeof name, "%lld key bits, radius %lld, %lld check words", static_cast<long long>(key_bits),
                  static_cast<long long>(key_radius), static_cast<long long>(check_words));
    std::printf("%-36s %9.5f %12lld %9.2f %9.3f\n", name, best_s, static_cast<long long>(met),
                best_s * 1e9 / (16 * static_cast<double>(a.n + b.n)), best_s * 1e9 / static_cast<double>(met));
  }
  std::fflush(stdout);
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
  for (const Index radius : {51, 153, 256}) {  // rho = 0.9, 0.7, 0.5
    const std::vector<HammingStage> stages = breakeven::early_exit_stages(1024, radius);
    add_search(operations, "early exit, d 1024, radius " + std::to_string(radius), wide_a, wide_b, stages);
  }
  // Prefixes of 1,024 bits: tests that 99.9 % of the pairs at rho = 0.5 and 0.7 pass.
  add_search(operations, "prefix 64 (19)", wide_a, wide_b, {{1, 19}});
  add_search(operations, "prefix 128 (46)", wide_a, wide_b, {{2, 46}});
  add_search(operations, "prefix 128 (46), 192 (67)", wide_a, wide_b, {{2, 46}, {3, 67}});
  add_search(operations, "prefix 192 (67)", wide_a, wide_b, {{3, 67}});
  add_search(operations, "prefix 256 (86)", wide_a, wide_b, {{4, 86}});
  run_all(operations, rounds);

  const Index few = std::min<Index>(n, 4096);
  std::vector<Rows> small;
  for (const Index d : {Index{256}, Index{1024}}) {
    small.emplace_back(few, d, 0);
    small.emplace_back(few, d, 1);
  }
  std::vector<Timed> products;
  for (std::size_t k = 0; k < small.size(); k += 2) add_products(products, small[k], small[k + 1]);
  run_all(products, rounds);
  const Rows row_a(n, 512, 0), row_b(n, 512, 1);
  report_joins(row_a, row_b, rounds);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const Index n = Index{1} << (argc > 2 ? std::atoi(argv[2]) : 14);
  breakeven::pin_blas_to_one_thread();
  const std::vector<std::string> all = breakeven::bit_simd_targets();
  for (const std::string& target : all)
    if (argc <= 3 || target == argv[3]) report(target, rounds, n);
}
