// Philox4x32-10 on several counters at once, compiled once for each instruction set (no #pragma once: the guard below
// toggles).
#if defined(BREAKEVEN_PHILOX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef BREAKEVEN_PHILOX_INL
#undef BREAKEVEN_PHILOX_INL
#else
#define BREAKEVEN_PHILOX_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "base/index.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

// Internal, so that other kernels may use the same short names in this namespace.
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint64_t>;  // a 32-bit word in each lane; what lies above it is ignored

/// Counters drawn at once.
inline constexpr Index philox_lanes = static_cast<Index>(hn::MaxLanes(Words()));

/// Products of the lower 32 bits of each lane.
HWY_INLINE hn::Vec<Words> multiply_words(hn::Vec<Words> a, hn::Vec<Words> b) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(Words(), (hn::GetLane(a) & 0xffffffffU) * (hn::GetLane(b) & 0xffffffffU));
#else
  const hn::Repartition<std::uint32_t, Words> halves;
  return hn::MulEven(hn::BitCast(halves, a), hn::BitCast(halves, b));
#endif
}

/// Lane c of words[w] = Philox(seed, stream).bits(first + c, 0)[w].
/// Source: Salmon, Moraes, Dror, Shaw (2011); the same numbers as Random123's.
HWY_INLINE void draw_words(std::uint64_t seed, std::uint32_t stream, std::uint64_t first, hn::Vec<Words>* words) {
  const Words d;
  const auto multiplier0 = hn::Set(d, 0xD2511F53U), multiplier1 = hn::Set(d, 0xCD9E8D57U);
  const auto index = hn::Iota(d, first);
  auto c0 = index, c1 = hn::ShiftRight<32>(index), c2 = hn::Zero(d), c3 = hn::Set(d, std::uint64_t{stream});
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9U, key1 += 0xBB67AE85U) {
    const auto product0 = multiply_words(c0, multiplier0), product1 = multiply_words(c2, multiplier1);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), c1), hn::Set(d, std::uint64_t{key0}));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), c3), hn::Set(d, std::uint64_t{key1}));
    c1 = product1;
    c3 = product0;
  }
  const auto lower = hn::Set(d, std::uint64_t{0xffffffffU});
  words[0] = hn::And(c0, lower);
  words[1] = hn::And(c1, lower);
  words[2] = hn::And(c2, lower);
  words[3] = hn::And(c3, lower);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#endif
