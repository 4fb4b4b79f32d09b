#include "numerics/online_softmax_kernel.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/online_softmax_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/online_softmax_kernel-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(softmax_kernel_f32);
HWY_EXPORT(softmax_kernel_f64);

template <>
const SoftmaxKernel<float>& softmax_kernel<float>() {
  return *HWY_DYNAMIC_DISPATCH(softmax_kernel_f32)();
}

template <>
const SoftmaxKernel<double>& softmax_kernel<double>() {
  return *HWY_DYNAMIC_DISPATCH(softmax_kernel_f64)();
}

}  // namespace breakeven
#endif  // HWY_ONCE
