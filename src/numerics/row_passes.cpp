#include "numerics/row_passes.hpp"

#include <Eigen/Core>
#include <algorithm>

namespace breakeven {
namespace {

constexpr Index block_rows = 256;  // a block stays in cache between its two uses

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

template <class Body>
void for_blocks(Index rows, const Body& body) {
  for (Index begin = 0; begin < rows; begin += block_rows) body(begin, std::min(block_rows, rows - begin));
}

}  // namespace

template <class T>
void residual_pass(const T* a, Index rows, Index d, const T* b, Index n_rhs, const T* x, T* gradient, double* squares,
                   T* residual) {
  const Eigen::Map<const Matrix<T>> solution(x, d, n_rhs);
  Eigen::Map<Matrix<T>> sum(gradient, d, n_rhs);
  for_blocks(rows, [&](Index begin, Index count) {
    const Eigen::Map<const Matrix<T>> block(a + begin * d, count, d);
    const Matrix<T> r = Eigen::Map<const Matrix<T>>(b + begin * n_rhs, count, n_rhs) - block * solution;
    sum.noalias() += block.transpose() * r;
    for (Index j = 0; j < n_rhs; ++j) squares[j] += r.col(j).template cast<double>().squaredNorm();
    if (residual) Eigen::Map<Matrix<T>>(residual + begin * n_rhs, count, n_rhs) = r;
  });
}

template <class T>
double bidiagonal_pass(const T* a, Index rows, Index d, T alpha, T* u, T beta, const T* v, T* gradient) {
  double squares = 0;
  for_blocks(rows, [&](Index begin, Index count) {
    const Eigen::Map<const Matrix<T>> block(a + begin * d, count, d);
    Eigen::Map<Vector<T>> part(u + begin, count);
    part = alpha * part + beta * (block * Eigen::Map<const Vector<T>>(v, d));
    Eigen::Map<Vector<T>>(gradient, d) += block.transpose() * part;
    squares += part.template cast<double>().squaredNorm();
  });
  return squares;
}

template <class T>
void weighted_pass(const T* a, Index rows, Index d, const T* weights, const T* v, T* gradient) {
  for_blocks(rows, [&](Index begin, Index count) {
    const Eigen::Map<const Matrix<T>> block(a + begin * d, count, d);
    const Vector<T> y =
        Eigen::Map<const Vector<T>>(weights + begin, count).cwiseProduct(block * Eigen::Map<const Vector<T>>(v, d));
    Eigen::Map<Vector<T>>(gradient, d) += block.transpose() * y;
  });
}

template <class T>
void squared_row_norms(const T* a, Index rows, Index d, const T* x, Index n_columns, T* norms) {
  const Eigen::Map<const Matrix<T>> right(x, d, n_columns);
  for_blocks(rows, [&](Index begin, Index count) {
    const Matrix<T> y = Eigen::Map<const Matrix<T>>(a + begin * d, count, d) * right;
    Eigen::Map<Vector<T>>(norms + begin, count) = y.rowwise().squaredNorm();
  });
}

#define BREAKEVEN_ROW_PASSES(T)                                                                    \
  template void residual_pass(const T*, Index, Index, const T*, Index, const T*, T*, double*, T*); \
  template double bidiagonal_pass(const T*, Index, Index, T, T*, T, const T*, T*);                 \
  template void weighted_pass(const T*, Index, Index, const T*, const T*, T*);                     \
  template void squared_row_norms(const T*, Index, Index, const T*, Index, T*)
BREAKEVEN_ROW_PASSES(float);
BREAKEVEN_ROW_PASSES(double);
#undef BREAKEVEN_ROW_PASSES

}  // namespace breakeven
