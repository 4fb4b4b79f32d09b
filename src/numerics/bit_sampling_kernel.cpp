#include "numerics/bit_sampling_kernel.hpp"

#include "numerics/simd_targets.hpp"
// The population count of AVX-512 is part of a target that Highway compiles on demand only; the others emulate it.
#define HWY_WANT_AVX3_DL
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/bit_sampling_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/bit_sampling_kernel-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(choose_bit_sampling_kernel);

BitSamplingKernel bit_sampling_kernel() {
  return HWY_DYNAMIC_DISPATCH(choose_bit_sampling_kernel)();
}

}  // namespace breakeven
#endif  // HWY_ONCE
