#include "numerics/row_passes.hpp"

#include <algorithm>

#include "base/array.hpp"
#include "numerics/row_kernels.hpp"

namespace breakeven {
namespace {

constexpr Index chunk_rows = 512;  // summed in T; their sums are added in float64 with compensation

/// The gradient of one pass and everything the kernels need beside the rows.
template <class T>
class Pass {
 public:
  Pass(Index d, Index n_rhs, const T* x, T* gradient)
      : d_(d),
        n_rhs_(n_rhs),
        width_(std::max(d, kernels.lanes)),
        whole_(width_ / kernels.lanes * kernels.lanes),
        packed_(whole_ + (64 / static_cast<Index>(sizeof(T)))),
        x_(static_cast<std::size_t>(n_rhs * packed_)),
        part_(x_.size()),
        sum_(x_.size()),
        compensation_(x_.size()),
        gradient_(gradient) {
    if (d < kernels.lanes) padded_.resize(static_cast<std::size_t>(chunk_rows * width_));
    for (Index j = 0; j < n_rhs; ++j)
      for (Index p = 0; p < d; ++p) x_[place(j, p)] = x[p * n_rhs + j];
  }

  /// Calls body(chunk, first row) for all chunks of rows, and adds their gradients.
  template <class Body>
  void run(const T* a, Index rows, const Body& body) {
    for (Index begin = 0; begin < rows; begin += chunk_rows) {
      const Index count = std::min(chunk_rows, rows - begin);
      const bool short_rows = d_ < kernels.lanes;
      if (short_rows) pad(a + begin * d_, count);
      std::fill(part_.begin(), part_.end(), T(0));
      body(RowChunk<T>{.a = short_rows ? padded_.data() : a + begin * d_,
                       .rows = count,
                       .stride = width_,
                       .whole = whole_,
                       .tail = whole_ == width_ ? Index{-1} : width_ - kernels.lanes,
                       .x = x_.data(),
                       .gradient = part_.data(),
                       .packed = packed_},
           begin);
      add_part();
    }
    for (Index j = 0; j < n_rhs_; ++j)
      for (Index p = 0; p < d_; ++p) gradient_[p * n_rhs_ + j] += static_cast<T>(sum_[place(j, p)]);
  }

  const RowKernels<T> kernels = row_kernels<T>();

 private:
  /// Where entry p of right side j is kept: in a whole vector or at its place in the last, overlapping one.
  std::size_t place(Index j, Index p) const {
    return static_cast<std::size_t>(j * packed_ + (p < whole_ ? p : whole_ + p - (width_ - kernels.lanes)));
  }

  void pad(const T* a, Index rows) {
    for (Index i = 0; i < rows; ++i) std::copy_n(a + i * d_, d_, padded_.begin() + i * width_);
  }

  void add_part() {  // Kahan (1965); what the overlapping lanes hold is added too, and never read
    for (std::size_t i = 0; i < part_.size(); ++i) {
      const double term = static_cast<double>(part_[i]) - compensation_[i], total = sum_[i] + term;
      compensation_[i] = (total - sum_[i]) - term;
      sum_[i] = total;
    }
  }

  Index d_, n_rhs_, width_, whole_, packed_;
  AlignedVector<T> x_, part_, padded_;
  std::vector<double> sum_, compensation_;
  T* gradient_;
};

}  // namespace

template <class T>
void residual_pass(const T* a, Index rows, Index d, const T* b, Index n_rhs, const T* x, T* gradient, double* squares,
                   T* residual) {
  Pass<T> pass(d, n_rhs, x, gradient);
  pass.run(a, rows, [&](const RowChunk<T>& chunk, Index begin) {
    pass.kernels.residual(chunk, n_rhs, b + begin * n_rhs, squares, residual ? residual + begin * n_rhs : nullptr);
  });
}

template <class T>
double bidiagonal_pass(const T* a, Index rows, Index d, T alpha, T* u, T beta, const T* v, T* gradient) {
  double squares = 0;
  Pass<T> pass(d, 1, v, gradient);
  pass.run(a, rows, [&](const RowChunk<T>& chunk, Index begin) {
    double part = 0;
    pass.kernels.bidiagonal(chunk, alpha, u + begin, beta, &part);
    squares += part;
  });
  return squares;
}

template <class T>
void weighted_pass(const T* a, Index rows, Index d, const T* weights, const T* v, T* gradient) {
  Pass<T> pass(d, 1, v, gradient);
  pass.run(a, rows, [&](const RowChunk<T>& chunk, Index begin) { pass.kernels.weighted(chunk, weights + begin); });
}

template <class T>
void squared_row_norms(const T* a, Index rows, Index d, const T* x, Index n_columns, T* norms) {
  const RowKernels<T> kernels = row_kernels<T>();
  const Index width = kernels.panel_columns, panels = (n_columns + width - 1) / width;
  AlignedVector<T> packed(static_cast<std::size_t>(panels * d * width));
  for (Index c = 0; c < n_columns; ++c)
    for (Index p = 0; p < d; ++p)
      packed[static_cast<std::size_t>((c / width * d + p) * width + c % width)] = x[p * n_columns + c];
  kernels.norms(a, rows, d, packed.data(), n_columns, norms);
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
