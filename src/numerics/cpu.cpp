#include "numerics/cpu.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Runs `rounds` of 12 independent multiply-adds and returns the operations done. Twelve named variables, not an array:
/// two pipes with a latency of four need eight chains, and an array may stay in memory. Twelve different beginnings:
/// from equal ones the compiler concludes that all chains are the same and runs one of them.
template <class T>
double fma_burst(long rounds, T* sink) {
  const hn::ScalableTag<T> d;
  const auto x = hn::Set(d, T(0.999)), y = hn::Set(d, T(0.001));  // fixed point 1: no overflow, no denormals
  const auto begin = [d](int k) { return hn::Set(d, T(1) + T(0.125) * static_cast<T>(k)); };
  auto a0 = begin(0), a1 = begin(1), a2 = begin(2), a3 = begin(3), a4 = begin(4), a5 = begin(5);
  auto a6 = begin(6), a7 = begin(7), a8 = begin(8), a9 = begin(9), a10 = begin(10), a11 = begin(11);
  for (long round = 0; round < rounds; ++round) {
    a0 = hn::MulAdd(a0, x, y);
    a1 = hn::MulAdd(a1, x, y);
    a2 = hn::MulAdd(a2, x, y);
    a3 = hn::MulAdd(a3, x, y);
    a4 = hn::MulAdd(a4, x, y);
    a5 = hn::MulAdd(a5, x, y);
    a6 = hn::MulAdd(a6, x, y);
    a7 = hn::MulAdd(a7, x, y);
    a8 = hn::MulAdd(a8, x, y);
    a9 = hn::MulAdd(a9, x, y);
    a10 = hn::MulAdd(a10, x, y);
    a11 = hn::MulAdd(a11, x, y);
  }
  const auto low = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(a4, a5));
  const auto high = hn::Add(hn::Add(hn::Add(a6, a7), hn::Add(a8, a9)), hn::Add(a10, a11));
  hn::StoreU(hn::Add(low, high), d, sink);
  return 2.0 * 12.0 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

double fma_burst_f32(long rounds, float* sink) {
  return fma_burst<float>(rounds, sink);
}
double fma_burst_f64(long rounds, double* sink) {
  return fma_burst<double>(rounds, sink);
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace breakeven {
namespace {

HWY_EXPORT(fma_burst_f32);
HWY_EXPORT(fma_burst_f64);

double burst(long rounds, float* sink) {
  return HWY_DYNAMIC_DISPATCH(fma_burst_f32)(rounds, sink);
}
double burst(long rounds, double* sink) {
  return HWY_DYNAMIC_DISPATCH(fma_burst_f64)(rounds, sink);
}

void use_targets(std::int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

std::vector<std::int64_t> bit_targets() {
  std::vector<std::int64_t> targets = hwy::SupportedAndGeneratedTargets();
#if HWY_ARCH_X86
  if (hwy::SupportedTargets() & HWY_AVX3_DL) targets.insert(targets.begin(), HWY_AVX3_DL);
#endif
  return targets;
}

}  // namespace

std::string_view simd_target() {
  return hwy::TargetName(hwy::SupportedAndGeneratedTargets().front());
}

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) names.emplace_back(hwy::TargetName(target));
  return names;
}

std::vector<std::string> bit_simd_targets() {
  std::vector<std::string> names;
  for (const auto target : bit_targets()) names.emplace_back(hwy::TargetName(target));
  return names;
}

SimdTargetScope::SimdTargetScope(std::string_view name) {
  std::int64_t allowed = 0;  // of the targets, better ones come first
  for (const auto target : bit_targets())
    if (allowed != 0 || name == hwy::TargetName(target)) allowed |= target;
  if (allowed == 0) throw Failure("instruction set must be one of bit_simd_targets(), got " + std::string(name));
  use_targets(allowed);
}

SimdTargetScope::~SimdTargetScope() {
  use_targets(0);
}  // 0: what the processor has

template <class T>
double fma_peak_flops(double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr long rounds = 1 << 18;
  alignas(64) T sink[64];  // as long as the longest vector
  double best = 0;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(seconds);
  do {
    const auto start = Clock::now();
    const double flops = burst(rounds, sink);
    best = std::max(best, flops / std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  return best;
}

template double fma_peak_flops<float>(double);
template double fma_peak_flops<double>(double);

}  // namespace breakeven
#endif  // HWY_ONCE
