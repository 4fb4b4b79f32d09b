#include "numerics/sketch_kernels.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/sketch_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/sketch_kernels-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(sketch_kernels_f32);
HWY_EXPORT(sketch_kernels_f64);

template <>
SketchKernels<float> sketch_kernels<float>() {
  return HWY_DYNAMIC_DISPATCH(sketch_kernels_f32)();
}

template <>
SketchKernels<double> sketch_kernels<double>() {
  return HWY_DYNAMIC_DISPATCH(sketch_kernels_f64)();
}

}  // namespace breakeven
#endif  // HWY_ONCE
