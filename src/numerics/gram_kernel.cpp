#include "numerics/gram_kernel.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/gram_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/gram_kernel-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(gram_f32);
HWY_EXPORT(gram_f64);

template <>
GramKernel<float> gram_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(gram_f32)();
}

template <>
GramKernel<double> gram_kernel<double>() {
  return HWY_DYNAMIC_DISPATCH(gram_f64)();
}

}  // namespace breakeven
#endif  // HWY_ONCE
