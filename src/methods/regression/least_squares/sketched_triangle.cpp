#include "methods/regression/least_squares/sketched_triangle.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/value.hpp"
#include "methods/regression/least_squares/exact.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

/// 95 % point of the chi-squared distribution with d degrees of freedom, over d (Wilson and Hilferty 1931).
double chi_squared_point_over_degrees(Index d) {
  constexpr double normal_point = 1.645;  // of the standard normal distribution at 1 - failure_share
  const double spread = 2.0 / (9.0 * static_cast<double>(d));
  return std::pow(1 - spread + normal_point * std::sqrt(spread), 3);
}

template <class T>
T pivot_threshold(const Array<T>& r) {
  T largest = 0;
  for (Index i = 0; i < r.columns(); ++i) largest = std::max(largest, std::abs(r(0, i, i)));
  return 10 * static_cast<T>(r.columns()) * static_cast<T>(unit_roundoff<T>) * largest;
}

}  // namespace

double rows_for_excess(Index d, double tolerance) {
  const double c = std::max(2.4, 1.25 * chi_squared_point_over_degrees(d));
  return std::max(16.0 * static_cast<double>(d), std::ceil(c * static_cast<double>(d) / tolerance));
}

SketchKind sketch_kind(const std::string& name) {
  if (name == "osnap") return SketchKind::osnap;
  if (name == "count") return SketchKind::count;
  if (name == "gaussian") return SketchKind::gaussian;
  throw BadRequest("sketch must be osnap, count or gaussian, got " + in_quotes(name));
}

Sketch make_sketch(SketchKind kind, double rows, Index nonzeros, Index draw) {
  Sketch sketch;
  sketch.kind = kind;
  sketch.draw = static_cast<std::uint64_t>(draw);
  sketch.rows = static_cast<Index>(rows);
  if (kind == SketchKind::osnap) {
    sketch.nonzeros = nonzeros;
    sketch.rows = (sketch.rows + nonzeros - 1) / nonzeros * nonzeros;
  }
  return sketch;
}

void validate_rows(const std::string& name, const LeastSquaresSpec& spec, double rows) {
  if (rows < static_cast<double>(spec.d))
    throw BadRequest(name + " must be at least d = " + std::to_string(spec.d) + ", got " + to_text(Value(rows)));
  constexpr double most_rows = 0xffffffff;  // of Sketch
  if (rows > most_rows)
    throw BadRequest(name + " must be below 2^32 (from the tolerance unless given), got " + to_text(Value(rows)));
  // As for the data: counted in Index further on, and no machine holds as many.
  constexpr double most_entries = 0x1p56;
  const double entries = rows * static_cast<double>(spec.d + spec.rhs);
  if (entries > most_entries)
    throw BadRequest(name + " times (d + rhs) must be at most 2^56, got " + to_text(Value(entries)) + ", " + name +
                     " " + to_text(Value(rows)) + " (from the tolerance unless given)");
}

void validate_nonzeros(Index nonzeros, double rows) {
  if (nonzeros < 1 || static_cast<double>(nonzeros) > rows)
    throw BadRequest("nonzeros must lie between 1 and the rows of the sketch, " + to_text(Value(rows)) + ", got " +
                     std::to_string(nonzeros));
}

template <class T>
Index usable_pivots(const Array<T>& r) {
  const T threshold = pivot_threshold(r);
  Index usable = 0;
  for (Index i = 0; i < r.columns(); ++i) usable += r(0, i, i) > threshold ? 1 : 0;
  return usable;
}

template <class T>
Index solve_known(const Array<T>& r, Array<T>& x) {
  const Index d = r.columns(), usable = usable_pivots(r);
  if (usable == d) {
    solve_upper(r, x);
    return d;
  }
  const T threshold = pivot_threshold(r);
  for (Index i = d - 1; i >= 0; --i)
    for (Index j = 0; j < x.columns(); ++j) {
      T rest = x(0, i, j);
      for (Index k = i + 1; k < d; ++k) rest -= r(0, i, k) * x(0, k, j);
      x(0, i, j) = r(0, i, i) > threshold ? rest / r(0, i, i) : T(0);
    }
  return usable;
}

template <class T>
SketchedTriangle<T>::SketchedTriangle(const Sketch& sketch, Index d, Index n_rhs)
    : sketch_(sketch),
      d_(d),
      n_rhs_(n_rhs),
      sketched_(static_cast<std::size_t>(sketch.rows * (d + n_rhs))),
      triangle_(d, n_rhs) {}

template <class T>
std::span<const T> SketchedTriangle<T>::compute(const Communicator& comm, const LeastSquaresProblem<T>& problem,
                                                double ridge) {
  std::fill(sketched_.begin(), sketched_.end(), T(0));
  T* const a = sketched_.data();
  T* const b = a + sketch_.rows * d_;
  sketch_.add(problem.a.data(), problem.a.rows(), d_, problem.first_row, a);
  if (n_rhs_ > 0) sketch_.add(problem.b.data(), problem.b.rows(), n_rhs_, problem.first_row, b);
  comm.all_reduce(std::span<T>(sketched_));
  triangle_.start(static_cast<T>(ridge));
  triangle_.absorb(a, n_rhs_ > 0 ? b : nullptr, sketch_.rows);
  return triangle_.packed();
}

template <class T>
Index SketchedTriangle<T>::reduced_bytes(const Sketch& sketch, Index d, Index n_rhs) {
  return sketch.rows * (d + n_rhs) * static_cast<Index>(sizeof(T));
}

template <class T>
void SketchedTriangle<T>::add_to(Schedule& schedule, const Sketch& sketch, Index rows, Index d, Index n_rhs) {
  const auto word = static_cast<double>(sizeof(T));
  const double sketched = static_cast<double>(reduced_bytes(sketch, d, n_rhs));
  schedule.compute(sketch.flops(rows, d + n_rhs), static_cast<double>(rows * (d + n_rhs)) * word + sketched);
  schedule.communicate(Operation::all_reduce, reduced_bytes(sketch, d, n_rhs));
  schedule.compute(TriangleQr<T>::flops(sketch.rows, d, n_rhs), sketched);
}

template <class T>
Index SketchedTriangle<T>::bytes(const Sketch& sketch, Index d, Index n_rhs) {
  return reduced_bytes(sketch, d, n_rhs) + TriangleQr<T>::bytes(d, n_rhs);
}

template Index usable_pivots(const Array<float>&);
template Index usable_pivots(const Array<double>&);
template Index solve_known(const Array<float>&, Array<float>&);
template Index solve_known(const Array<double>&, Array<double>&);
template class SketchedTriangle<float>;
template class SketchedTriangle<double>;

}  // namespace breakeven::regression
