#include "numerics/feature_tiles.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/feature_tiles.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/feature_tiles-inl.hpp"

#if HWY_ONCE
namespace breakeven {

HWY_EXPORT(tiles_f32);
HWY_EXPORT(tiles_f64);

template <>
FeatureTiles<float> feature_tiles<float>() {
  return HWY_DYNAMIC_DISPATCH(tiles_f32)();
}

template <>
FeatureTiles<double> feature_tiles<double>() {
  return HWY_DYNAMIC_DISPATCH(tiles_f64)();
}

}  // namespace breakeven
#endif
