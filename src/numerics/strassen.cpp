#include "numerics/strassen.hpp"

#include "numerics/products.hpp"

namespace breakeven {
namespace {

using Input = StridedMatrix<const double>;
using Output = StridedMatrix<double>;

/// out = a + sign b, rows x columns, without gaps.
Input sum(Input a, double sign, Input b, Index rows, Index columns, double* out) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      out[i * columns + j] = a.entries[i * a.stride + j] + sign * b.entries[i * b.stride + j];
  return {out, columns};
}

/// c = sign m, or c += sign m.
void put(const double* m, double sign, bool added, Output c, Index rows, Index columns) {
  for (Index i = 0; i < rows; ++i) {
    double* row = c.entries + i * c.stride;
    for (Index j = 0; j < columns; ++j) row[j] = (added ? row[j] : 0) + sign * m[i * columns + j];
  }
}

}  // namespace

Index strassen_work(const ProductShape& shape, Index levels) {
  if (levels == 0) return 0;
  const ProductShape half = shape.halved();
  return half.rows * half.depth + half.columns * half.depth + half.rows * half.columns +
         strassen_work(half, levels - 1);
}

Index strassen_multiplications(const ProductShape& shape, Index levels) {
  if (levels == 0) return shape.rows * shape.columns * shape.depth;
  return 7 * strassen_multiplications(shape.halved(), levels - 1);
}

void strassen_product(const ProductShape& shape, Input a, Input b, Output c, Index levels, std::span<double> work) {
  if (levels == 0) {
    product_with_transposed(shape.rows, shape.columns, shape.depth, a, b, c);
    return;
  }
  const ProductShape half = shape.halved();
  double* left = work.data();
  double* right = left + half.rows * half.depth;
  double* m = right + half.columns * half.depth;
  const std::span<double> deeper = work.subspan(static_cast<std::size_t>(m + half.rows * half.columns - work.data()));
  // B is held transposed: its lower left quarter is the upper right one of B'.
  const Input a11 = a, a12 = a.from(0, half.depth), a21 = a.from(half.rows, 0), a22 = a.from(half.rows, half.depth);
  const Input b11 = b, b21 = b.from(0, half.depth), b12 = b.from(half.columns, 0),
              b22 = b.from(half.columns, half.depth);
  const Output c11 = c, c12 = c.from(0, half.columns), c21 = c.from(half.rows, 0),
               c22 = c.from(half.rows, half.columns);
  const auto in_a = [&](Input x, double sign, Input y) { return sum(x, sign, y, half.rows, half.depth, left); };
  const auto in_b = [&](Input x, double sign, Input y) { return sum(x, sign, y, half.columns, half.depth, right); };
  const auto multiply = [&](Input x, Input y) { strassen_product(half, x, y, {m, half.columns}, levels - 1, deeper); };
  const auto into = [&](Output quarter, double sign, bool added) {
    put(m, sign, added, quarter, half.rows, half.columns);
  };
  multiply(in_a(a11, 1, a22), in_b(b11, 1, b22));  // M1
  into(c11, 1, false), into(c22, 1, false);
  multiply(in_a(a21, 1, a22), b11);  // M2
  into(c21, 1, false), into(c22, -1, true);
  multiply(a11, in_b(b12, -1, b22));  // M3
  into(c12, 1, false), into(c22, 1, true);
  multiply(a22, in_b(b21, -1, b11));  // M4
  into(c11, 1, true), into(c21, 1, true);
  multiply(in_a(a11, 1, a12), b22);  // M5
  into(c11, -1, true), into(c12, 1, true);
  multiply(in_a(a21, -1, a11), in_b(b11, 1, b12));  // M6
  into(c22, 1, true);
  multiply(in_a(a12, -1, a22), in_b(b21, 1, b22));  // M7
  into(c11, 1, true);
}

}  // namespace breakeven
