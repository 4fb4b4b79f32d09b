#include "methods/regression/kronecker_regression/qr_factors.hpp"

#include <algorithm>
#include <limits>

#include "comm/agree.hpp"
#include "methods/regression/kronecker_regression/small_solutions.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression::kronecker_regression {
namespace {

/// Rows of B read at once: enough for long reads, few enough to stay in cache until they are multiplied.
Index block_rows(const KroneckerSpec& spec) {
  constexpr Index entries = Index{1} << 18, most_rows = 256;
  return std::clamp<Index>(entries / spec.second_rows(), 1, most_rows);
}

/// The rows of one rank that fill no whole block.
Index remaining_rows(const KroneckerSpec& spec, Index rows) {
  return rows % block_rows(spec);
}

/// a R^-1, in place.
template <class T>
void divide_by(const Array<T>& r, Array<T>& a) {
  Array<T> inverse(1, r.columns(), r.columns());
  for (Index i = 0; i < r.columns(); ++i) inverse(0, i, i) = 1;
  solve_upper(r, inverse);
  a = product(a, inverse);
}

}  // namespace

template <class T>
QrFactors<T>::QrFactors(const Communicator& comm, const KroneckerRegressionSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      rows_(block(spec.n, comm.size(), comm.rank())),
      second_(spec.second_columns(), 0),
      first_(spec.d, spec.second_columns()),
      second_packed_(static_cast<std::size_t>(TriangleQr<T>::packed_size(spec.second_columns(), 0))),
      first_packed_(static_cast<std::size_t>(TriangleQr<T>::packed_size(spec.d, spec.second_columns()))),
      basis_(1, spec.second_rows(), spec.second_columns()),
      b_block_(1, std::min(rows_.size(), block_rows(spec)), spec.second_rows()),
      last_block_(1, remaining_rows(spec, rows_.size()), spec.second_rows()) {
  for (int rank = 0; rank < comm.size(); ++rank)
    basis_lengths_.push_back(block(spec.second_rows(), comm.size(), rank).size() * spec.second_columns());
  solution_.x = Array<T>(1, spec.d, spec.second_columns());
}

template <class T>
const KroneckerRegressionSolution<T>& QrFactors<T>::run(const KroneckerRegressionProblem<T>& problem) {
  find_second_basis(problem.factors.a[1]);
  absorb_right_side(problem);
  comm_.combine<T>(std::span<T>(first_packed_), [this](std::span<T> lower, std::span<const T> higher) {
    first_.assign(lower);
    first_.absorb_packed(higher);
    const std::span<const T> both = first_.packed();
    std::copy(both.begin(), both.end(), lower.begin());
  });
  const std::span<const T> packed(first_packed_);
  const Array<T> r1 = TriangleQr<T>::r(packed, spec_.d);
  require_full_rank(r1, "a1");
  solution_.x = from_basis(r1, TriangleQr<T>::rotated_rhs(packed, spec_.d, spec_.second_columns()), r2_);
  return solution_;
}

/// Q2 whole and R2. The second pass makes Q2 orthogonal to rounding, whatever the condition number of A2 up to 1 / eps.
template <class T>
void QrFactors<T>::find_second_basis(const Array<T>& a2) {
  r2_ = triangle_of(a2);
  require_full_rank(r2_, "a2");
  basis_mine_ = a2;
  divide_by(r2_, basis_mine_);
  const Array<T> correction = triangle_of(basis_mine_);
  divide_by(correction, basis_mine_);
  r2_ = product(correction, r2_);
  comm_.all_gather(std::span<const T>(basis_mine_.span()), std::span<const Index>(basis_lengths_), basis_.span());
}

template <class T>
Array<T> QrFactors<T>::triangle_of(const Array<T>& a) {
  second_.start();
  second_.absorb(a.data(), nullptr, a.rows());
  const std::span<const T> mine = second_.packed();
  std::copy(mine.begin(), mine.end(), second_packed_.begin());
  comm_.combine<T>(std::span<T>(second_packed_), [this](std::span<T> lower, std::span<const T> higher) {
    second_.assign(lower);
    second_.absorb_packed(higher);
    const std::span<const T> both = second_.packed();
    std::copy(both.begin(), both.end(), lower.begin());
  });
  return TriangleQr<T>::r(second_packed_, a.columns());
}

/// R1 and Q1'B Q2 of this rank's rows.
template <class T>
void QrFactors<T>::absorb_right_side(const KroneckerRegressionProblem<T>& problem) {
  const Served before = problem.source->served();
  agree(comm_, "reading b", [&] {
    first_.start();
    for (Index begin = 0; begin < rows_.size(); begin += block_rows(spec_)) {
      Array<T>& rows = begin + b_block_.rows() <= rows_.size() ? b_block_ : last_block_;
      const Index first = rows_.begin + begin;
      problem.source->block("b", 0, {first, first + rows.rows()}, {0, spec_.second_rows()}, rows.span());
      const Array<T> right = product(rows, basis_);
      first_.absorb(problem.factors.a[0].row(0, begin), right.data(), rows.rows());
    }
  });
  solution_.entries_read = problem.source->served().entries - before.entries;
  const std::span<const T> mine = first_.packed();
  std::copy(mine.begin(), mine.end(), first_packed_.begin());
}

template <class T>
Promise QrFactors<T>::promise() const {
  return {Promise::Kind::none, "", std::numeric_limits<double>::quiet_NaN(),
          "exact up to rounding times the condition numbers, which are not bounded beforehand"};
}

template <class T>
Schedule QrFactors<T>::schedule(const KroneckerRegressionSpec& spec, const Params&, const Counts&, int ranks,
                                int rank) {
  const auto word = static_cast<Index>(sizeof(T));
  const Index d = spec.d, d2 = spec.second_columns(), n2 = spec.second_rows();
  const Index rows = block(spec.n, ranks, rank).size(), rows2 = block(n2, ranks, rank).size();
  const Index triangle = TriangleQr<T>::packed_size(d2, 0), whole = TriangleQr<T>::packed_size(d, d2);
  const double read = static_cast<double>(rows) * static_cast<double>(n2);
  Schedule schedule;
  for (int pass = 0; pass < 2; ++pass) {
    schedule.compute(TriangleQr<T>::flops(rows2, d2, 0), static_cast<double>(rows2 * d2 * word));
    schedule.communicate(Operation::combine, triangle * word);
    schedule.compute(2 * static_cast<double>(rows2 * d2 * d2), static_cast<double>(2 * rows2 * d2 * word));
  }
  schedule.communicate(Operation::all_gather, rows2 * d2 * word);
  schedule.compute(2 * read * static_cast<double>(d2) + TriangleQr<T>::flops(rows, d, d2),
                   (read + static_cast<double>(n2 * d2 + rows * d)) * static_cast<double>(word));
  schedule.communicate(Operation::agree, static_cast<Index>(sizeof(Index)));
  schedule.communicate(Operation::combine, whole * word);
  const Index blocks = (std::min(rows, block_rows(spec)) + remaining_rows(spec, rows)) * n2;
  return schedule.resident(TriangleQr<T>::bytes(d2, 0) + TriangleQr<T>::bytes(d, d2) +
                           (triangle + whole + d2 * d2 + d * d2 + (rows2 + n2) * d2 + blocks) * word);
}

template class QrFactors<float>;
template class QrFactors<double>;

}  // namespace breakeven::regression::kronecker_regression
