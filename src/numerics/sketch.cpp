#include "numerics/sketch.hpp"

#include <cmath>

#include "base/philox.hpp"

namespace breakeven {
namespace {

constexpr Stream sketch_stream{300};

/// Row and sign of nonzero number `k` of a column.
struct Placed {
  Index row;
  double sign;
};

Placed placed(const Sketch& sketch, Index k, Index j_global) {
  const Index blocks = sketch.kind == SketchKind::count ? 1 : sketch.nonzeros;
  const Index height = sketch.rows / blocks;
  const std::uint32_t word = Philox(sketch.draw, sketch_stream).bits(j_global, k / 4)[static_cast<std::size_t>(k % 4)];
  const auto within =
      static_cast<Index>((static_cast<std::uint64_t>(word >> 1) * static_cast<std::uint64_t>(height)) >> 31);
  return {k * height + within, (word & 1) != 0 ? -1.0 : 1.0};
}

}  // namespace

template <class T>
void Sketch::add(const T* a, Index n_rows, Index columns, Index first_global, T* out) const {
  if (kind == SketchKind::gaussian) {
    for (Index j = 0; j < n_rows; ++j)
      for (Index i = 0; i < rows; ++i) {
        const T factor = static_cast<T>(entry(i, first_global + j));
        for (Index c = 0; c < columns; ++c) out[i * columns + c] += factor * a[j * columns + c];
      }
    return;
  }
  const Index per_column = kind == SketchKind::count ? 1 : nonzeros;
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(per_column)));
  for (Index j = 0; j < n_rows; ++j)
    for (Index k = 0; k < per_column; ++k) {
      const auto [row, sign] = placed(*this, k, first_global + j);
      const T factor = static_cast<T>(sign) * scale;
      for (Index c = 0; c < columns; ++c) out[row * columns + c] += factor * a[j * columns + c];
    }
}

double Sketch::flops(Index n_rows, Index columns) const {
  const Index per_column = kind == SketchKind::count ? 1 : kind == SketchKind::osnap ? nonzeros : rows;
  return 2.0 * static_cast<double>(per_column) * static_cast<double>(n_rows) * static_cast<double>(columns);
}

double Sketch::entry(Index i, Index j_global) const {
  if (kind == SketchKind::gaussian)
    return Philox(draw, sketch_stream).normal(j_global, i) / std::sqrt(static_cast<double>(rows));
  const Index per_column = kind == SketchKind::count ? 1 : nonzeros;
  for (Index k = 0; k < per_column; ++k)
    if (const auto [row, sign] = placed(*this, k, j_global); row == i)
      return sign / std::sqrt(static_cast<double>(per_column));
  return 0;
}

template void Sketch::add(const float*, Index, Index, Index, float*) const;
template void Sketch::add(const double*, Index, Index, Index, double*) const;

}  // namespace breakeven
