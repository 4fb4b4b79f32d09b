#include "tile_softmax.hpp"

#include "numerics/simd_targets.hpp"
// Highway includes this file once per target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tile_softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "numerics/exp2-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace breakeven {
namespace HWY_NAMESPACE {
namespace {

template <class T>
void softmax_row(T* scores, Index visible, Index columns, T factor, T& maximum, T& sum, T& rescale) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto scale = hn::Set(d, factor);
  const Index whole = visible / lanes * lanes;
  auto highest = hn::Set(d, maximum);
  for (Index j = 0; j < whole; j += lanes) highest = hn::Max(highest, hn::Mul(scale, hn::LoadU(d, scores + j)));
  T raised = hn::GetLane(hn::MaxOfLanes(d, highest));
  for (Index j = whole; j < visible; ++j) raised = scores[j] * factor > raised ? scores[j] * factor : raised;
  const auto shift = hn::Set(d, raised);
  auto total = hn::Zero(d);
  for (Index j = 0; j < whole; j += lanes) {
    const auto weight = exp2(d, hn::MulSub(scale, hn::LoadU(d, scores + j), shift));
    total = hn::Add(total, weight);
    hn::StoreU(weight, d, scores + j);
  }
  T tile_sum = hn::GetLane(hn::SumOfLanes(d, total));
  for (Index j = whole; j < visible; ++j) {
    scores[j] = hn::GetLane(exp2(d, hn::Set(d, scores[j] * factor - raised)));
    tile_sum += scores[j];
  }
  for (Index j = visible; j < columns; ++j) scores[j] = 0;
  rescale = hn::GetLane(exp2(d, hn::Set(d, maximum - raised)));
  sum = sum * rescale + tile_sum;
  maximum = raised;
}

template <class T>
void scale_row(T* row, Index columns, T factor) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  Index c = 0;
  for (; c + lanes <= columns; c += lanes) hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, row + c)), d, row + c);
  for (; c < columns; ++c) row[c] *= factor;
}

template <class T>
void softmax_rows(T* scores, Index rows, Index columns, Index stride, T factor, const Index* visible, T* maxima,
                  T* sums, T* factors) {
  for (Index r = 0; r < rows; ++r)
    softmax_row(scores + r * stride, visible[r], columns, factor, maxima[r], sums[r], factors[r]);
}

template <class T>
void scale_all(T* outputs, Index rows, Index columns, const T* factors) {
  for (Index r = 0; r < rows; ++r)
    if (factors[r] != T(1)) scale_row(outputs + r * columns, columns, factors[r]);
}

}  // namespace

void softmax_tile_f32(float* scores, Index rows, Index columns, Index stride, float factor, const Index* visible,
                      float* maxima, float* sums, float* factors) {
  softmax_rows(scores, rows, columns, stride, factor, visible, maxima, sums, factors);
}
void softmax_tile_f64(double* scores, Index rows, Index columns, Index stride, double factor, const Index* visible,
                      double* maxima, double* sums, double* factors) {
  softmax_rows(scores, rows, columns, stride, factor, visible, maxima, sums, factors);
}
void scale_rows_f32(float* outputs, Index rows, Index columns, const float* factors) {
  scale_all(outputs, rows, columns, factors);
}
void scale_rows_f64(double* outputs, Index rows, Index columns, const double* factors) {
  scale_all(outputs, rows, columns, factors);
}

}  // namespace HWY_NAMESPACE
}  // namespace breakeven
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace breakeven {
HWY_EXPORT(softmax_tile_f32);
HWY_EXPORT(softmax_tile_f64);
HWY_EXPORT(scale_rows_f32);
HWY_EXPORT(scale_rows_f64);
}  // namespace breakeven

namespace breakeven::peers {

template <>
void softmax_tile(float* scores, Index rows, Index columns, Index stride, float factor, const Index* visible,
                  float* maxima, float* sums, float* factors) {
  HWY_DYNAMIC_DISPATCH(softmax_tile_f32)(scores, rows, columns, stride, factor, visible, maxima, sums, factors);
}
template <>
void softmax_tile(double* scores, Index rows, Index columns, Index stride, double factor, const Index* visible,
                  double* maxima, double* sums, double* factors) {
  HWY_DYNAMIC_DISPATCH(softmax_tile_f64)(scores, rows, columns, stride, factor, visible, maxima, sums, factors);
}
template <>
void scale_rows(float* outputs, Index rows, Index columns, const float* factors) {
  HWY_DYNAMIC_DISPATCH(scale_rows_f32)(outputs, rows, columns, factors);
}
template <>
void scale_rows(double* outputs, Index rows, Index columns, const double* factors) {
  HWY_DYNAMIC_DISPATCH(scale_rows_f64)(outputs, rows, columns, factors);
}

}  // namespace breakeven::peers
#endif
