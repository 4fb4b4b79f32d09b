#include "numerics/ceilings.hpp"

#include <cblas.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/array.hpp"
#include "base/stopwatch.hpp"
#include "numerics/simd_targets.hpp"
// The population count of AVX-512 is part of a target that Highway compiles on demand only; the others emulate it.
#define HWY_WANT_AVX3_DL
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/ceilings.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Eight accumulators: enough loads under way to fill the memory pipeline of one core.
double sum_of(const double* x, Index n) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (Index i = 0; i + 8 * lanes <= n; i += 8 * lanes) {
    s0 = hn::Add(s0, hn::Load(d, x + i));
    s1 = hn::Add(s1, hn::Load(d, x + i + lanes));
    s2 = hn::Add(s2, hn::Load(d, x + i + 2 * lanes));
    s3 = hn::Add(s3, hn::Load(d, x + i + 3 * lanes));
    s4 = hn::Add(s4, hn::Load(d, x + i + 4 * lanes));
    s5 = hn::Add(s5, hn::Load(d, x + i + 5 * lanes));
    s6 = hn::Add(s6, hn::Load(d, x + i + 6 * lanes));
    s7 = hn::Add(s7, hn::Load(d, x + i + 7 * lanes));
  }
  const auto low = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), high = hn::Add(hn::Add(s4, s5), hn::Add(s6, s7));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
}

void triad(const double* b, const double* c, double s, double* a, Index n) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto factor = hn::Set(d, s);
  for (Index i = 0; i + lanes <= n; i += lanes)
    hn::Stream(hn::MulAdd(factor, hn::Load(d, c + i), hn::Load(d, b + i)), d, a + i);
}

/// Differing bits between a word and each of n words, n a multiple of 64: `rounds` times. Eight vectors a step, so that
/// the loop itself takes none of the ports that count.
std::uint64_t differing_bits(const std::uint64_t* words, Index n, long rounds) {
  const hn::ScalableTag<std::uint64_t> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (long round = 0; round < rounds; ++round) {
    const auto mine = hn::Set(d, 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(round + 1));
    const auto differing = [&](Index i) HWY_ATTR { return hn::PopulationCount(hn::Xor(mine, hn::Load(d, words + i))); };
    for (Index i = 0; i + 8 * lanes <= n; i += 8 * lanes) {
      s0 = hn::Add(s0, differing(i));
      s1 = hn::Add(s1, differing(i + lanes));
      s2 = hn::Add(s2, differing(i + 2 * lanes));
      s3 = hn::Add(s3, differing(i + 3 * lanes));
      s4 = hn::Add(s4, differing(i + 4 * lanes));
      s5 = hn::Add(s5, differing(i + 5 * lanes));
      s6 = hn::Add(s6, differing(i + 6 * lanes));
      s7 = hn::Add(s7, differing(i + 7 * lanes));
    }
  }
  const auto low = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), high = hn::Add(hn::Add(s4, s5), hn::Add(s6, s7));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace breakeven {
namespace {

HWY_EXPORT(sum_of);
HWY_EXPORT(triad);
HWY_EXPORT(differing_bits);

/// Keeps the compiler from dropping what computes `value`.
template <class T>
void use(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// Largest `work` / time of one call, over the calls that fit into `seconds`, the first (cold) one aside.
template <class Call>
double best_rate(double work, double seconds, const Call& call) {
  call();
  const Stopwatch all;
  double best = 0;
  do {
    const Stopwatch one;
    call();
    best = std::max(best, work / one.seconds());
  } while (all.seconds() < seconds);
  return best;
}

void multiply(int n, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
}
void multiply(int n, const double* a, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
}

}  // namespace

template <class T>
double product_flops(double seconds) {
  constexpr int n = 1024;
  AlignedVector<T> a(std::size_t{n} * n, T(0.5)), b(std::size_t{n} * n, T(0.25)), c(std::size_t{n} * n);
  return best_rate(2.0 * n * n * n, seconds, [&] { multiply(n, a.data(), b.data(), c.data()); });
}

Index bytes_beyond_caches(Index ranks) {
  constexpr Index least = Index{1} << 27;
#ifdef _SC_LEVEL3_CACHE_SIZE
  // Shared by all ranks. On a virtual machine it may be that of the whole host, hundreds of MiB, of which a rank that
  // is alone does get a part: 128 MiB were read a quarter faster than memory.
  const auto last_level = static_cast<Index>(sysconf(_SC_LEVEL3_CACHE_SIZE));
  return std::max(least, 2 * last_level / ranks);
#else
  return least;
#endif
}

double read_bandwidth(double seconds, Index bytes) {
  const Index n = bytes / 8;
  const AlignedVector<double> x(static_cast<std::size_t>(n), 1.0);
  return best_rate(8.0 * static_cast<double>(n), seconds, [&] {
    const double sum = HWY_DYNAMIC_DISPATCH(sum_of)(x.data(), n);
    use(sum);
  });
}

double triad_bandwidth(double seconds, Index bytes) {
  const Index n = bytes / 24;
  const AlignedVector<double> b(static_cast<std::size_t>(n), 1.0), c(static_cast<std::size_t>(n), 2.0);
  AlignedVector<double> a(static_cast<std::size_t>(n));
  return best_rate(24.0 * static_cast<double>(n), seconds, [&] {
    HWY_DYNAMIC_DISPATCH(triad)(b.data(), c.data(), 0.5, a.data(), n);
    use(a.front());
  });
}

double xor_popcount_bits(double seconds) {
  constexpr Index n = 2048;  // 16 KiB: half of a common first-level cache
  constexpr long rounds = 256;
  AlignedVector<std::uint64_t> words(n);
  for (Index i = 0; i < n; ++i)
    words[static_cast<std::size_t>(i)] = 0xd1342543de82ef95ULL * static_cast<std::uint64_t>(i);
  return best_rate(64.0 * n * rounds, seconds, [&] {
    const std::uint64_t bits = HWY_DYNAMIC_DISPATCH(differing_bits)(words.data(), n, rounds);
    use(bits);
  });
}

double timer_resolution() {
  using Clock = std::chrono::steady_clock;
  constexpr int steps = 1000;
  double smallest = 1;
  for (int step = 0; step < steps; ++step) {
    const auto start = Clock::now();
    auto end = Clock::now();
    while (end == start) end = Clock::now();
    smallest = std::min(smallest, std::chrono::duration<double>(end - start).count());
  }
  return smallest;
}

template double product_flops<float>(double);
template double product_flops<double>(double);

}  // namespace breakeven
#endif  // HWY_ONCE
