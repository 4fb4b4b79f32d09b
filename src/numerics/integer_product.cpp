#include "numerics/integer_product.hpp"

#include <cblas.h>

#include <algorithm>

namespace breakeven {
namespace {

constexpr Index longest_panel = 4096;  // panels of 2048 rows then fit in 32 MiB each
constexpr Index exact_float = (1 << 24) - 1;
constexpr Index exact_double = (Index{1} << 53) - 1;

int as_int(Index value) {
  return static_cast<int>(value);
}

Index padded(Index value, Index levels) {
  const Index multiple = Index{1} << levels;
  return (value + multiple - 1) / multiple * multiple;
}

ProductShape padded(const ProductShape& shape, Index levels) {
  return {padded(shape.rows, levels), padded(shape.columns, levels), padded(shape.depth, levels)};
}

AlignedVector<double> wide(Index size) {
  return AlignedVector<double>(static_cast<std::size_t>(size));
}

/// Narrow rows without gaps to wide ones, zeros behind and below them.
void widen(const float* narrow, Index rows, Index depth, Index wide_rows, Index wide_depth, double* out) {
  std::fill(out, out + wide_rows * wide_depth, 0.0);
  for (Index i = 0; i < rows; ++i) std::copy_n(narrow + i * depth, depth, out + i * wide_depth);
}

}  // namespace

Index IntegerProduct::panel_depth(Index largest, Index levels) {
  if (levels == 0) return std::clamp<Index>(exact_float / (largest * largest), 1, longest_panel);
  const Index most = exact_double / (largest * largest) >> (3 * levels);  // intermediates are 8^levels times as large
  return std::min(longest_panel, std::max(most, Index{1} << levels)) >> levels << levels;
}

IntegerProduct::IntegerProduct(Index rows, Index columns, Index largest, Index levels)
    : largest_(largest),
      levels_(levels),
      depth_(panel_depth(largest, levels)),
      u_(static_cast<std::size_t>(rows * depth_)),
      v_(static_cast<std::size_t>(columns * depth_)),
      sums_(levels == 0 ? static_cast<std::size_t>(rows * columns) : 0),
      c_(static_cast<std::size_t>(rows * columns)) {
  if (levels == 0) return;
  const ProductShape whole = padded(ProductShape{rows, columns, depth_}, levels);
  wide_u_ = wide(whole.rows * whole.depth);
  wide_v_ = wide(whole.columns * whole.depth);
  wide_sums_ = wide(whole.rows * whole.columns);
  work_ = wide(strassen_work(whole, levels));
}

void IntegerProduct::start(Index rows, Index columns) {
  rows_ = rows;
  columns_ = columns;
  pending_ = 0;
  std::fill_n(c_.begin(), rows * columns, 0);
}

void IntegerProduct::add(Index depth) {
  levels_ == 0 ? add_by_blas(depth) : add_by_strassen(depth);
}

void IntegerProduct::add_by_blas(Index depth) {
  if ((pending_ + depth) * largest_ * largest_ > exact_float) flush();
  const float before = pending_ == 0 ? 0 : 1;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_int(rows_), as_int(columns_), as_int(depth), 1, u_.data(),
              as_int(depth), v_.data(), as_int(depth), before, sums_.data(), as_int(columns_));
  pending_ += depth;
}

void IntegerProduct::add_by_strassen(Index depth) {
  const ProductShape whole = padded(ProductShape{rows_, columns_, depth}, levels_);
  widen(u_.data(), rows_, depth, whole.rows, whole.depth, wide_u_.data());
  widen(v_.data(), columns_, depth, whole.columns, whole.depth, wide_v_.data());
  strassen_product(whole, {wide_u_.data(), whole.depth}, {wide_v_.data(), whole.depth},
                   {wide_sums_.data(), whole.columns}, levels_, work_);
  for (Index i = 0; i < rows_; ++i)
    for (Index j = 0; j < columns_; ++j)
      c_[static_cast<std::size_t>(i * columns_ + j)] +=
          static_cast<std::int32_t>(wide_sums_[static_cast<std::size_t>(i * whole.columns + j)]);
}

void IntegerProduct::flush() {
  if (pending_ == 0) return;
  const auto size = static_cast<std::size_t>(rows_ * columns_);
  for (std::size_t k = 0; k < size; ++k) c_[k] += static_cast<std::int32_t>(sums_[k]);
  pending_ = 0;
}

std::span<const std::int32_t> IntegerProduct::finish() {
  flush();
  return std::span<const std::int32_t>(c_).first(static_cast<std::size_t>(rows_ * columns_));
}

Index IntegerProduct::multiplications(const ProductShape& shape, Index largest, Index levels) {
  const Index panel = panel_depth(largest, levels);
  const auto of = [&](Index depth) {
    return strassen_multiplications(padded(ProductShape{shape.rows, shape.columns, depth}, levels), levels);
  };
  return shape.depth / panel * of(panel) + of(shape.depth % panel);
}

Index IntegerProduct::bytes(Index rows, Index columns, Index largest, Index levels) {
  const Index depth = panel_depth(largest, levels), word = static_cast<Index>(sizeof(float));
  const Index narrow = (rows + columns) * depth * word + rows * columns * static_cast<Index>(sizeof(std::int32_t));
  if (levels == 0) return narrow + rows * columns * word;
  const ProductShape whole = padded(ProductShape{rows, columns, depth}, levels);
  return narrow + static_cast<Index>(sizeof(double)) * ((whole.rows + whole.columns) * whole.depth +
                                                        whole.rows * whole.columns + strassen_work(whole, levels));
}

}  // namespace breakeven
