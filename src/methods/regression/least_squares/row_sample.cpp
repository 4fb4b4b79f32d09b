#include "methods/regression/least_squares/row_sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/philox.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream coin_stream{311};
constexpr Index gathered_rows = 256;
constexpr Index most_rounds = 100;  // a score of less than 2^-100 of the largest is never kept anyway

}  // namespace

double RowSampling::probability(double score) const {
  return score > 0 ? std::min(1.0, rate * score) : 0.0;
}

bool RowSampling::keeps(Index i_global, double probability) const {
  return Philox(draw, coin_stream).uniform(i_global) < probability;
}

template <class T>
SamplingRate sampling_rate(const Communicator& comm, std::span<const T> scores, double rows) {
  std::array<double, 2> sums{static_cast<double>(scores.size()), 0};  // sure rows; sum of the other scores
  for (const T score : scores) sums[1] += static_cast<double>(score);
  comm.all_reduce(std::span<double>(sums));
  SamplingRate found{rows / sums[1], sums[1], static_cast<Index>(sums[0]), 0};
  if (rows >= sums[0]) {
    found.rate = std::numeric_limits<double>::infinity();
    return found;
  }
  for (double sure = 0; found.rounds < most_rounds; ++found.rounds) {
    sums = {0, 0};
    for (const T score : scores) {
      const bool is_sure = found.rate * static_cast<double>(score) >= 1;
      sums[is_sure ? 0 : 1] += is_sure ? 1 : static_cast<double>(score);
    }
    comm.all_reduce(std::span<double>(sums));
    if (sums[0] == sure || !(sums[1] > 0)) return ++found.rounds, found;
    sure = sums[0];
    found.rate = std::max(found.rate, (rows - sure) / sums[1]);
  }
  return found;
}

template <class T>
SampleQr<T>::SampleQr(const Communicator& comm, const LeastSquaresSpec& spec)
    : comm_(comm),
      spec_(spec),
      triangle_(spec.d, spec.rhs),
      a_(1, gathered_rows, spec.d),
      b_(1, gathered_rows, spec.rhs),
      state_(static_cast<std::size_t>(TriangleQr<T>::packed_size(spec.d, spec.rhs))) {}

template <class T>
std::span<const T> SampleQr<T>::solve(const LeastSquaresProblem<T>& problem, std::span<const T> scores,
                                      const RowSampling& sampling) {
  kept_.clear();
  triangle_.start(comm_.is_root() ? static_cast<T>(spec_.ridge) : T(0));
  Index gathered = 0;
  for (Index i = 0; i < problem.a.rows(); ++i) {
    const double p = sampling.probability(static_cast<double>(scores[static_cast<std::size_t>(i)]));
    if (!sampling.keeps(problem.first_row + i, p)) continue;
    const double scale = 1 / std::sqrt(p);
    kept_.push_back({problem.first_row + i, scale});
    const auto scaled = [scale](T x) { return static_cast<T>(scale) * x; };
    std::transform(problem.a.row(0, i), problem.a.row(0, i) + spec_.d, a_.row(0, gathered), scaled);
    std::transform(problem.b.row(0, i), problem.b.row(0, i) + spec_.rhs, b_.row(0, gathered), scaled);
    if (++gathered < gathered_rows) continue;
    absorb_gathered(gathered);
    gathered = 0;
  }
  absorb_gathered(gathered);

  const auto keep = [](std::span<const T> packed, std::span<T> out) {
    std::copy(packed.begin(), packed.end(), out.begin());
  };
  keep(triangle_.packed(), state_);
  comm_.template combine<T>(std::span<T>(state_), [&](std::span<T> lower, std::span<const T> higher) {
    triangle_.assign(lower);
    triangle_.absorb_packed(higher);
    keep(triangle_.packed(), lower);
  });
  return state_;
}

template <class T>
Index SampleQr<T>::reduced_bytes(const LeastSquaresSpec& spec) {
  return TriangleQr<T>::packed_size(spec.d, spec.rhs) * static_cast<Index>(sizeof(T));
}

template <class T>
Index SampleQr<T>::bytes(const LeastSquaresSpec& spec) {
  return TriangleQr<T>::bytes(spec.d, spec.rhs) + 2 * reduced_bytes(spec) +
         gathered_rows * (spec.d + spec.rhs) * static_cast<Index>(sizeof(T));
}

template SamplingRate sampling_rate(const Communicator&, std::span<const float>, double);
template SamplingRate sampling_rate(const Communicator&, std::span<const double>, double);
template class SampleQr<float>;
template class SampleQr<double>;

}  // namespace breakeven::regression
