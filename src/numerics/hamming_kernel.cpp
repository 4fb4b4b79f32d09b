#include "numerics/hamming_kernel.hpp"

#include "numerics/simd_targets.hpp"
// The population count of AVX-512 is part of a target that Highway compiles on demand only; the others emulate it.
#define HWY_WANT_AVX3_DL
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/hamming_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/hamming_int8-inl.hpp"
#include "numerics/hamming_nibbles-inl.hpp"
#include "numerics/hamming_popcount-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {

/// Table look-ups where bytes can be shuffled and words cannot be counted, as far as their sums reach.
HammingKernel choose_hamming_kernel(Index radius) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
  if (const HammingKernel narrow = NibbleLoops<false>::kernel(); radius <= narrow.most_radius) return narrow;
  if (const HammingKernel wide = NibbleLoops<true>::kernel(); radius <= wide.most_radius) return wide;
#endif
  (void)radius;
  return PopcountLoops::kernel();
}

HammingKernel choose_int8_kernel() {
  return Int8Loops::kernel();
}

Index distance_of_rows(const Word* a, const Word* b, Index words) {
  Index distance = 0;
  for (Index w = 0; w < words; ++w) distance += __builtin_popcountll(a[w] ^ b[w]);
  return distance;
}

void signed_sums(const Word* first, const Word* others, Index n, Index words, Index rows, float* sums) {
  if (words == 1) {  // by itself, for the compiler to take many at a time
    for (Index k = 0; k < n; ++k) sums[k] = static_cast<float>(rows - 2 * __builtin_popcountll(first[0] ^ others[k]));
    return;
  }
  for (Index k = 0; k < n; ++k) {
    Index negative = 0;
    for (Index w = 0; w < words; ++w) negative += __builtin_popcountll(first[w] ^ others[k * words + w]);
    sums[k] = static_cast<float>(rows - 2 * negative);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(choose_hamming_kernel);
HWY_EXPORT(choose_int8_kernel);
HWY_EXPORT(distance_of_rows);
HWY_EXPORT(signed_sums);

HammingKernel hamming_kernel(Index radius) {
  return HWY_DYNAMIC_DISPATCH(choose_hamming_kernel)(radius);
}

HammingKernel int8_kernel() {
  return HWY_DYNAMIC_DISPATCH(choose_int8_kernel)();
}

Index hamming_distance(const Word* a, const Word* b, Index words) {
  return HWY_DYNAMIC_DISPATCH(distance_of_rows)(a, b, words);
}

void sums_of_signs(const Word* first, const Word* others, Index n, Index words, Index rows, float* sums) {
  HWY_DYNAMIC_DISPATCH(signed_sums)(first, others, n, words, rows, sums);
}

}  // namespace breakeven
#endif  // HWY_ONCE
