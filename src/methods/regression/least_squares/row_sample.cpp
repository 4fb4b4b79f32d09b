#include "methods/regression/least_squares/row_sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/layout.hpp"
#include "base/philox.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream coin_stream{311};
constexpr Index gathered_rows = 256;
/// Operations that a core does in a QR while a word of the kept rows arrives: 30 Gflop/s, 2.4 GB/s.
constexpr double flops_a_word = 100;
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
      state_(static_cast<std::size_t>(TriangleQr<T>::packed_size(spec.d, spec.rhs))),
      kept_by_rank_(static_cast<std::size_t>(comm.size())) {}

template <class T>
std::span<const T> SampleQr<T>::solve(const LeastSquaresProblem<T>& problem, std::span<const T> scores,
                                      const RowSampling& sampling) {
  choose(problem, scores, sampling);
  count_kept();
  triangle_.start(comm_.is_root() ? static_cast<T>(spec_.ridge) : T(0));
  if (rebalanced_) {
    gather(problem);
    const Range mine = block(kept_on_all_ranks(), comm_.size(), comm_.rank());
    absorb(mine.size(), [&](Index l, T* a, T* b) {
      const T* row = all_.data() + (mine.begin + l) * (spec_.d + spec_.rhs);
      std::copy_n(row, spec_.d, a);
      std::copy_n(row + spec_.d, spec_.rhs, b);
    });
  } else {
    absorb(static_cast<Index>(kept_.size()), [&](Index l, T* a, T* b) { write_scaled(problem, l, a, b); });
  }

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
void SampleQr<T>::choose(const LeastSquaresProblem<T>& problem, std::span<const T> scores,
                         const RowSampling& sampling) {
  kept_.clear();
  for (Index i = 0; i < problem.a.rows(); ++i) {
    const double p = sampling.probability(static_cast<double>(scores[static_cast<std::size_t>(i)]));
    if (sampling.keeps(problem.first_row + i, p)) kept_.push_back({problem.first_row + i, 1 / std::sqrt(p)});
  }
}

/// How many rows every rank keeps, and whether equal shares are worth the messages.
template <class T>
void SampleQr<T>::count_kept() {
  const auto mine = static_cast<Index>(kept_.size());
  const std::vector<Index> ones(kept_by_rank_.size(), 1);
  comm_.template all_gather<Index>({&mine, 1}, ones, kept_by_rank_);
  const auto d = static_cast<double>(spec_.d), columns = static_cast<double>(spec_.d + spec_.rhs);
  const auto all = static_cast<double>(kept_on_all_ranks());
  const auto most = static_cast<double>(*std::max_element(kept_by_rank_.begin(), kept_by_rank_.end()));
  const double saved = 2 * d * d * (most - all / static_cast<double>(comm_.size()));
  rebalanced_ = saved > flops_a_word * all * columns;
}

template <class T>
Index SampleQr<T>::kept_on_all_ranks() const {
  return std::accumulate(kept_by_rank_.begin(), kept_by_rank_.end(), Index{0});
}

template <class T>
void SampleQr<T>::write_scaled(const LeastSquaresProblem<T>& problem, Index l, T* a, T* b) const {
  const SampledRow& kept = kept_[static_cast<std::size_t>(l)];
  const Index i = kept.i_global - problem.first_row;
  const auto scaled = [scale = static_cast<T>(kept.scale)](T x) { return scale * x; };
  std::transform(problem.a.row(0, i), problem.a.row(0, i) + spec_.d, a, scaled);
  std::transform(problem.b.row(0, i), problem.b.row(0, i) + spec_.rhs, b, scaled);
}

template <class T>
void SampleQr<T>::gather(const LeastSquaresProblem<T>& problem) {
  const Index columns = spec_.d + spec_.rhs, mine = static_cast<Index>(kept_.size());
  own_.resize(static_cast<std::size_t>(mine * columns));
  for (Index l = 0; l < mine; ++l) {
    T* row = own_.data() + l * columns;
    write_scaled(problem, l, row, row + spec_.d);
  }
  std::vector<Index> lengths = kept_by_rank_;
  for (Index& length : lengths) length *= columns;
  all_.resize(static_cast<std::size_t>(kept_on_all_ranks() * columns));
  comm_.template all_gather<T>(own_, lengths, all_);
}

template <class T>
template <class Write>
void SampleQr<T>::absorb(Index rows, const Write& write) {
  for (Index begin = 0; begin < rows; begin += gathered_rows) {
    const Index count = std::min(gathered_rows, rows - begin);
    for (Index l = 0; l < count; ++l) write(begin + l, a_.row(0, l), b_.row(0, l));
    triangle_.absorb(a_.data(), b_.data(), count);
  }
  factored_ = rows;
}

template <class T>
Index SampleQr<T>::reduced_bytes(const LeastSquaresSpec& spec) {
  return TriangleQr<T>::packed_size(spec.d, spec.rhs) * static_cast<Index>(sizeof(T));
}

template <class T>
Index SampleQr<T>::bytes(const LeastSquaresSpec& spec, Index gathered) {
  return TriangleQr<T>::bytes(spec.d, spec.rhs) + 2 * reduced_bytes(spec) +
         (gathered_rows + gathered) * (spec.d + spec.rhs) * static_cast<Index>(sizeof(T));
}

template SamplingRate sampling_rate(const Communicator&, std::span<const float>, double);
template SamplingRate sampling_rate(const Communicator&, std::span<const double>, double);
template class SampleQr<float>;
template class SampleQr<double>;

}  // namespace breakeven::regression
