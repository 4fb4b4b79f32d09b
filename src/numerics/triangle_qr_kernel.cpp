#include "numerics/triangle_qr_kernel.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/triangle_qr_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/triangle_qr_kernel-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(triangle_qr_f32);
HWY_EXPORT(triangle_qr_f64);

template <>
TriangleQrKernel<float> triangle_qr_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(triangle_qr_f32)();
}

template <>
TriangleQrKernel<double> triangle_qr_kernel<double>() {
  return HWY_DYNAMIC_DISPATCH(triangle_qr_f64)();
}

}  // namespace breakeven
#endif  // HWY_ONCE
