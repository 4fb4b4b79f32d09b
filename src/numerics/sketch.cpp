#include "numerics/sketch.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "base/array.hpp"
#include "base/philox.hpp"
#include "numerics/sketch_kernels.hpp"

namespace breakeven {
namespace {

constexpr std::uint32_t sketch_stream = 300;

/// Row and sign of nonzero number `k` of a column: the plain statement of what sketch_kernels.hpp says.
struct Placed {
  Index row;
  double sign;
};

Placed placed(const Sketch& sketch, Index k, Index j_global) {
  const Index per_column = sketch.per_column(), height = sketch.rows / per_column, w = j_global * per_column + k;
  const std::uint32_t word = Philox(sketch.draw, Stream{sketch_stream}).bits(w / 4, 0)[static_cast<std::size_t>(w % 4)];
  const auto within =
      static_cast<Index>((static_cast<std::uint64_t>(word >> 1) * static_cast<std::uint64_t>(height)) >> 31);
  return {k * height + within, (word & 1) != 0 ? -1.0 : 1.0};
}

void add_product(int rows, int columns, int depth, const float* s, const float* a, float* out) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, columns, depth, 1, s, rows, a, columns, 1, out, columns);
}
void add_product(int rows, int columns, int depth, const double* s, const double* a, double* out) {
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, columns, depth, 1, s, rows, a, columns, 1, out, columns);
}

template <class T>
void add_gaussian(const Sketch& sketch, const T* a, Index n_rows, Index columns, Index first_global, T* out) {
  constexpr Index block = 64;  // columns of S that exist at once
  AlignedVector<T> s(static_cast<std::size_t>(block * sketch.rows));
  for (Index begin = 0; begin < n_rows; begin += block) {
    const Index count = std::min(block, n_rows - begin);
    for (Index j = 0; j < count; ++j)
      for (Index i = 0; i < sketch.rows; ++i)
        s[static_cast<std::size_t>(j * sketch.rows + i)] = static_cast<T>(sketch.entry(i, first_global + begin + j));
    add_product(static_cast<int>(sketch.rows), static_cast<int>(columns), static_cast<int>(count), s.data(),
                a + begin * columns, out);
  }
}

}  // namespace

template <class T>
void Sketch::add(const T* a, Index n_rows, Index columns, Index first_global, T* out) const {
  if (n_rows == 0 || columns == 0) return;
  if (kind == SketchKind::gaussian) return add_gaussian(*this, a, n_rows, columns, first_global, out);
  const auto room = static_cast<std::size_t>(place_room(per_column()));
  AlignedVector<std::uint32_t> within(room);
  AlignedVector<T> factors(room);
  const SketchShape shape{.nonzeros = per_column(), .height = rows / per_column(), .columns = columns};
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(per_column())));
  sketch_kernels<T>().add({draw, sketch_stream}, shape, scale, a, n_rows, first_global, within.data(), factors.data(),
                          out);
}

double Sketch::flops(Index n_rows, Index columns) const {
  return 2.0 * static_cast<double>(per_column()) * static_cast<double>(n_rows) * static_cast<double>(columns);
}

double Sketch::entry(Index i, Index j_global) const {
  if (kind == SketchKind::gaussian)
    return Philox(draw, Stream{sketch_stream}).normal(j_global, i) / std::sqrt(static_cast<double>(rows));
  const Index height = rows / per_column();
  const auto [row, sign] = placed(*this, i / height, j_global);
  return row == i ? sign / std::sqrt(static_cast<double>(per_column())) : 0;
}

Index Sketch::per_column() const {
  return kind == SketchKind::count ? 1 : kind == SketchKind::osnap ? nonzeros : rows;
}

template void Sketch::add(const float*, Index, Index, Index, float*) const;
template void Sketch::add(const double*, Index, Index, Index, double*) const;

}  // namespace breakeven
