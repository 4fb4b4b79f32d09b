#include "methods/regression/least_squares/exact.hpp"

#include <algorithm>
#include <cmath>

#include "comm/agree.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

std::string advice(const LeastSquaresSpec& spec) {
  return spec.ridge > 0 ? "; a larger ridge makes the answer unique"
                        : "; leave out dependent columns or give a ridge above 0";
}

/// Rounded down, of a number of at least 10.
std::string in_two_digits(double number) {
  const double unit = std::pow(10, std::floor(std::log10(number)) - 1);
  return to_text(Value(std::isfinite(number) ? std::floor(number / unit) * unit : number));
}

/// Times that this rank folds another's triangle into its own.
Index folds_of(int ranks, int rank) {
  Index folds = 0;
  for (int distance = 1; distance < ranks && rank % (2 * distance) == 0; distance *= 2)
    if (rank + distance < ranks) ++folds;
  return folds;
}

}  // namespace

template <class T>
void require_full_rank(const Array<T>& r, const LeastSquaresSpec& spec, std::string_view method) {
  double largest = 0, smallest = std::numeric_limits<double>::infinity();
  Index where = 0;
  for (Index i = 0; i < spec.d; ++i) {
    const double entry = std::abs(static_cast<double>(r(0, i, i)));
    largest = std::max(largest, entry);
    if (!(entry >= smallest)) smallest = entry, where = i;  // a NaN stays
  }
  const double allowed = spec.ridge > 0 ? 0 : 10 * static_cast<double>(spec.d) * unit_roundoff<T> * largest;
  if (smallest > allowed) return;
  throw CollectiveError(ExitCode::failure, std::string(method) + ": A is of deficient rank: diagonal entry " +
                                               std::to_string(where) + " of R is " + to_text(Value(smallest)) +
                                               ", the largest " + to_text(Value(largest)) +
                                               ", at least 10 d u times that is needed" + advice(spec));
}

void fail_not_definite(const LeastSquaresSpec& spec, std::string_view method, double condition) {
  throw CollectiveError(ExitCode::failure,
                        std::string(method) + ": A is of deficient rank or its condition number, at least " +
                            in_two_digits(condition) + " by the pivots of A'A, above 1 / sqrt(u): " +
                            "A'A is not positive definite to working precision" + advice(spec) + ", or use tsqr");
}

template <class T>
double stable_backward_error(const LeastSquaresSpec& spec) {
  constexpr double tree_levels = 20;  // of a million ranks; each rotates every column once more
  return 8 * unit_roundoff<T> *
         (std::sqrt(static_cast<double>(spec.d) + tree_levels) + std::sqrt(static_cast<double>(spec.n)) / 16);
}

template <class T>
Promise stable_promise(const LeastSquaresSpec& spec, const std::string& reason) {
  return {Promise::Kind::certified, "backward_error", stable_backward_error<T>(spec), reason};
}

template <class T>
TreeQr<T>::TreeQr(const Communicator& comm, const LeastSquaresSpec& spec)
    : comm_(comm),
      spec_(spec),
      qr_(spec.d, spec.rhs),
      state_(static_cast<std::size_t>(TriangleQr<T>::packed_size(spec.d, spec.rhs))) {}

template <class T>
void TreeQr<T>::solve(const LeastSquaresProblem<T>& problem, std::string_view method, Array<T>& x) {
  qr_.start(comm_.is_root() ? static_cast<T>(spec_.ridge) : T(0));
  qr_.absorb(problem.a.data(), problem.b.data(), problem.a.rows());
  const auto keep = [](std::span<const T> packed, std::span<T> out) {
    std::copy(packed.begin(), packed.end(), out.begin());
  };
  keep(qr_.packed(), state_);
  comm_.template combine<T>(std::span<T>(state_), [&](std::span<T> lower, std::span<const T> higher) {
    qr_.assign(lower);
    qr_.absorb_packed(higher);
    keep(qr_.packed(), lower);
  });
  r_ = TriangleQr<T>::r(state_, spec_.d);
  require_full_rank(r_, spec_, method);
  x = TriangleQr<T>::rotated_rhs(state_, spec_.d, spec_.rhs);
  solve_upper(r_, x);
}

template <class T>
void TreeQr<T>::schedule(Schedule& schedule, const LeastSquaresSpec& spec, int ranks, int rank) {
  const Index rows = block(spec.n, ranks, rank).size();
  const Index packed = TriangleQr<T>::packed_size(spec.d, spec.rhs) * static_cast<Index>(sizeof(T));
  const auto d = static_cast<double>(spec.d), rhs = static_cast<double>(spec.rhs);
  schedule.compute(TriangleQr<T>::flops(rows, spec.d, spec.rhs), row_bytes<T>(spec, ranks, rank));
  schedule.communicate(Operation::combine, packed);
  const auto folds = static_cast<double>(folds_of(ranks, rank));
  schedule.compute(folds * (2.0 / 3 * d * d * d + 2 * d * d * rhs) + d * d * rhs,
                   (1 + folds) * static_cast<double>(packed));
}

template <class T>
Index TreeQr<T>::bytes(const LeastSquaresSpec& spec) {
  const auto word = static_cast<Index>(sizeof(T));
  return TriangleQr<T>::bytes(spec.d, spec.rhs) + 2 * TriangleQr<T>::packed_size(spec.d, spec.rhs) * word +
         spec.d * spec.d * word;
}

template class TreeQr<float>;
template class TreeQr<double>;
template void require_full_rank(const Array<float>&, const LeastSquaresSpec&, std::string_view);
template void require_full_rank(const Array<double>&, const LeastSquaresSpec&, std::string_view);
template double stable_backward_error<float>(const LeastSquaresSpec&);
template double stable_backward_error<double>(const LeastSquaresSpec&);
template Promise stable_promise<float>(const LeastSquaresSpec&, const std::string&);
template Promise stable_promise<double>(const LeastSquaresSpec&, const std::string&);

}  // namespace breakeven::regression
