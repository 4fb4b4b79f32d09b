#include "numerics/row_kernels.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/row_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/row_kernels-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(row_kernels_f32);
HWY_EXPORT(row_kernels_f64);

template <>
RowKernels<float> row_kernels<float>() {
  return HWY_DYNAMIC_DISPATCH(row_kernels_f32)();
}

template <>
RowKernels<double> row_kernels<double>() {
  return HWY_DYNAMIC_DISPATCH(row_kernels_f64)();
}

}  // namespace breakeven
#endif  // HWY_ONCE
