#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "methods/regression/least_squares/extended.hpp"
#include "methods/regression/least_squares/problem.hpp"
#include "numerics/small_dense.hpp"

// The oracle of regression/least_squares: Householder QR of LAPACK in float64 on chunks of rows, then one correction
// with a residual in long double. Shares no code with the kernels of the methods.
namespace breakeven::regression {
namespace {

constexpr Index chunk_rows = 2048;

/// R of the rows of [A B] that came so far, (d + rhs) x (d + rhs); its last columns hold Q'B and, below, the residual.
struct Triangle {
  Array<double> r;

  /// Takes in the rows of `below`, (any number) x (d + rhs).
  void stack(const Array<double>& below) {
    Array<double> both(1, r.rows() + below.rows(), r.columns());
    std::copy(r.span().begin(), r.span().end(), both.data());
    std::copy(below.span().begin(), below.span().end(), both.row(0, r.rows()));
    r = qr_upper(both);
  }
};

/// Calls visit(a, b, range) on the rows of `share`, chunk by chunk.
template <class T, class Visit>
void for_chunks(const Source<T>& source, Range share, Index rows, const Visit& visit) {
  for (Index begin = share.begin; begin < share.end; begin += rows) {
    const Range part{begin, std::min(begin + rows, share.end)};
    const Array<T> a = source.rows("a", 0, part), b = source.rows("b", 0, part);
    visit(a, b);
  }
}

/// sqrt(ridge) I as rows of A with right sides 0 on one rank, then all rows.
template <class T>
Triangle factor_share(const LeastSquaresSpec& spec, const Source<T>& source, Range share, bool with_ridge) {
  const Index d = spec.d, columns = spec.d + spec.rhs;
  Triangle triangle{Array<double>(1, columns, columns)};
  if (with_ridge)
    for (Index i = 0; i < d; ++i) triangle.r(0, i, i) = std::sqrt(spec.ridge);
  // Each chunk costs a triangle on top of its rows: at many columns longer chunks.
  for_chunks(source, share, std::max(chunk_rows, 4 * columns), [&](const Array<T>& a, const Array<T>& b) {
    Array<double> rows(1, a.rows(), columns);
    for (Index i = 0; i < a.rows(); ++i) {
      std::copy_n(a.row(0, i), d, rows.row(0, i));
      std::copy_n(b.row(0, i), spec.rhs, rows.row(0, i) + d);
    }
    triangle.stack(rows);
  });
  return triangle;
}

void combine_over(const Communicator& comm, Triangle& triangle) {
  const Index columns = triangle.r.columns();
  std::vector<double> packed(static_cast<std::size_t>(packed_size(columns)));
  pack_upper(triangle.r, std::span<double>(packed));
  comm.combine<double>(std::span<double>(packed), [&](std::span<double> lower, std::span<const double> higher) {
    Triangle both{unpack_upper(std::span<const double>(lower), columns)};
    both.stack(unpack_upper(higher, columns));
    pack_upper(both.r, lower);
  });
  triangle.r = unpack_upper(std::span<const double>(packed), columns);
}

/// Rows [0, rows) and columns [first_column, first_column + columns) of a matrix.
Array<double> part_of(const Array<double>& whole, Index rows, Index first_column, Index columns) {
  Array<double> part(1, rows, columns);
  for (Index i = 0; i < rows; ++i) std::copy_n(whole.row(0, i) + first_column, columns, part.row(0, i));
  return part;
}

/// X += (R'R)^-1 (A'(B - A X) - ridge X), the residual in long double. Sets objective and norms: the smallest objective
/// is that of the old X less |R dX|^2 (Pythagoras), which cancels nothing.
template <class T>
void correct(const Communicator& comm, const Source<T>& source, Range share, LeastSquaresReference& reference) {
  const LeastSquaresSpec& spec = reference.spec;
  ExtendedResidual sums(spec.d, spec.rhs);
  agree(comm, "reference", [&] {
    for_chunks(source, share, chunk_rows,
               [&](const Array<T>& a, const Array<T>& b) { sums.add(a.data(), b.data(), a.rows(), reference.x); });
  });
  sums.sum_over(comm);

  long double objective = 0, b_squares = 0;
  Array<double> step(1, spec.d, spec.rhs);
  for (Index j = 0; j < spec.rhs; ++j) {
    objective += sums.squares[static_cast<std::size_t>(j)];
    b_squares += sums.b_squares[static_cast<std::size_t>(j)];
    for (Index c = 0; c < spec.d; ++c) {
      const auto x = static_cast<long double>(reference.x(0, c, j)), ridge = static_cast<long double>(spec.ridge);
      objective += ridge * x * x;
      step(0, c, j) = static_cast<double>(sums.gradient[static_cast<std::size_t>(j * spec.d + c)] - ridge * x);
    }
  }
  solve_upper_transposed(reference.r, step);
  for (const double entry : step.span()) objective -= static_cast<long double>(entry) * static_cast<long double>(entry);
  solve_upper(reference.r, step);
  for (Index i = 0; i < step.size(); ++i) reference.x.data()[i] += step.data()[i];
  reference.objective = static_cast<double>(std::max(objective, 0.0L));
  reference.a_norm = static_cast<double>(std::sqrt(sums.a_squares));
  reference.b_norm = static_cast<double>(std::sqrt(b_squares));
}

/// Refuses an A whose columns are dependent to the precision of its entries, u that of their type: a singular value of
/// at most 10 d u times the largest. Those of R are looked at only where the condition estimate is not far below that.
/// Equal on all ranks, as R is.
void require_full_rank(const LeastSquaresReference& reference, double unit_roundoff) {
  const Index d = reference.spec.d;
  const double needed = 10 * static_cast<double>(d) * unit_roundoff;
  const bool is_finite = std::all_of(reference.r.span().begin(), reference.r.span().end(),
                                     [](double entry) { return std::isfinite(entry); });
  if (!is_finite || reciprocal_condition(reference.r) > 10 * needed) return;
  const std::vector<double> values = singular_values(reference.r);
  const auto rank = std::count_if(values.begin(), values.end(), [&](double v) { return v > needed * values.front(); });
  if (rank == d) return;
  throw CollectiveError(
      ExitCode::usage,
      "the columns of dataset /a are dependent, rank " + std::to_string(rank) + " of " + std::to_string(d) +
          ": its smallest singular value is " + to_text(Value(values.back() / values.front())) +
          " of the largest, above 10 d u = " + to_text(Value(needed)) +
          " is needed, so the answer is not unique; leave out dependent columns or give a ridge above 0");
}

template <class T>
Array<double> test_rows(const Source<T>& source, const char* name, Range share) {
  const Array<T> rows = source.rows(name, 0, share);
  Array<double> result(1, rows.rows(), rows.columns());
  for (Index i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(rows.data()[i]))
      throw BadRequest("dataset /" + std::string(name) + " holds a number that is not finite at row " +
                       std::to_string(share.begin + i / rows.columns()) + ", column " +
                       std::to_string(i % rows.columns()));
    result.data()[i] = static_cast<double>(rows.data()[i]);
  }
  return result;
}

}  // namespace

template <class T>
LeastSquaresReference LeastSquaresProblem<T>::reference(const Communicator& comm, const Spec& spec,
                                                        const Source<T>& source, std::uint64_t) {
  const Range share = block(spec.n, comm.size(), comm.rank());
  LeastSquaresReference reference;
  reference.spec = spec;
  Triangle triangle;
  agree(comm, "reference", [&] {
    triangle = factor_share(spec, source, share, comm.is_root());
    if (spec.test_rows == 0) return;
    const Range tests = block(spec.test_rows, comm.size(), comm.rank());
    reference.test_a = test_rows(source, "a_test", tests);
    reference.test_b = test_rows(source, "b_test", tests);
  });
  combine_over(comm, triangle);
  reference.r = part_of(triangle.r, spec.d, 0, spec.d);
  reference.x = part_of(triangle.r, spec.d, spec.d, spec.rhs);
  if (spec.ridge == 0) require_full_rank(reference, 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon()));
  solve_upper(reference.r, reference.x);
  reference.condition = 1 / reciprocal_condition(reference.r);
  // A correction leaves about condition u of the error in R X; where that is not small, one more.
  const int corrections = reference.condition * 0x1p-53 < 1e-8 ? 1 : 2;
  for (int pass = 0; pass < corrections; ++pass) correct(comm, source, share, reference);
  return reference;
}

template LeastSquaresReference LeastSquaresProblem<float>::reference(const Communicator&, const Spec&,
                                                                     const Source<float>&, std::uint64_t);
template LeastSquaresReference LeastSquaresProblem<double>::reference(const Communicator&, const Spec&,
                                                                      const Source<double>&, std::uint64_t);

}  // namespace breakeven::regression
