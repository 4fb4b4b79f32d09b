#include "methods/regression/kronecker/leverage_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/philox.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream draws_stream{200};

Array<double> inverse_of(const Array<double>& r) {
  Array<double> inverse(1, r.columns(), r.columns());
  for (Index i = 0; i < r.columns(); ++i) inverse(0, i, i) = 1;
  solve_upper(r, inverse);
  return inverse;
}

Index drawn_words(const KroneckerSpec& spec, std::array<Index, 2> counts) {
  return counts[0] * (spec.d + 1) + counts[1] * (spec.second_columns() + 1);
}

}  // namespace

template <class T>
LeverageSampler<T>::LeverageSampler(const Communicator& comm, const KroneckerSpec& spec, std::array<Index, 2> counts,
                                    Index draw)
    : comm_(comm),
      spec_(spec),
      counts_(counts),
      draw_(draw),
      triangles_(comm, spec),
      masses_(static_cast<std::size_t>(2 * comm.size())),
      chunk_(chunk_for<double>(spec)),
      drawn_(static_cast<std::size_t>(drawn_words(spec, counts))) {
  for (const int factor : {0, 1}) {
    const Index rows = block(spec.rows(factor), comm.size(), comm.rank()).size();
    prefix_sums_[static_cast<std::size_t>(factor)].resize(static_cast<std::size_t>(rows));
  }
}

template <class T>
void LeverageSampler<T>::run(const KroneckerFactors<T>& factors) {
  triangles_.compute(factors);
  score(factors);
  std::array<double, 2> mine{};
  for (const std::size_t factor : {0u, 1u})
    if (!prefix_sums_[factor].empty()) mine[factor] = prefix_sums_[factor].back();
  const std::vector<Index> lengths(static_cast<std::size_t>(comm_.size()), 2);
  comm_.all_gather(std::span<const double>(mine), std::span<const Index>(lengths), std::span<double>(masses_));
  std::fill(drawn_.begin(), drawn_.end(), 0.0);
  fill_in(factors, 0);
  fill_in(factors, 1);
  comm_.all_reduce(std::span<double>(drawn_));
}

template <class T>
void LeverageSampler<T>::score(const KroneckerFactors<T>& factors) {
  for (const std::size_t factor : {0u, 1u}) {
    const Array<double>& r = triangles_.r(static_cast<int>(factor));
    inverse_[factor] = inverse_of(r);
    std::vector<double>& scores = prefix_sums_[factor];
    for_chunks(factors.a[factor], chunk_, [&](const double* rows, Index begin, Index count) {
      squared_row_norms(rows, count, r.columns(), inverse_[factor].data(), r.columns(), scores.data() + begin);
    });
    std::partial_sum(scores.begin(), scores.end(), scores.begin());
  }
}

/// Every rank walks through all draws and computes the same numbers from the same sums: each draw has one owner.
template <class T>
void LeverageSampler<T>::fill_in(const KroneckerFactors<T>& factors, int factor) {
  const auto at = static_cast<std::size_t>(factor);
  std::vector<double> begins;  // of each rank's part
  double total = 0;
  for (std::size_t rank = 0; rank < masses_.size() / 2; ++rank) {
    begins.push_back(total);
    total += masses_[2 * rank + at];
  }
  const auto mine = static_cast<std::size_t>(comm_.rank());
  const Philox random(static_cast<std::uint64_t>(draw_), draws_stream);
  const std::vector<double>& sums = prefix_sums_[at];
  for (Index l = 0; l < counts_[at]; ++l) {
    const double target = random.uniform(l, factor) * total;
    // The last part that begins at or before the target; parts of no mass begin where their successor does, and those
    // at the very end begin at the total, which no target reaches.
    const auto owner = std::upper_bound(begins.begin(), begins.end(), target) - begins.begin() - 1;
    if (static_cast<std::size_t>(owner) != mine) continue;
    const auto found = std::upper_bound(sums.begin(), sums.end(), target - begins[mine]);
    // Rounding of begins may push a target past the last sum: it belongs to the last row that has a score.
    const auto row = found != sums.end() ? found : std::lower_bound(sums.begin(), sums.end(), sums.back());
    const Index local = row - sums.begin();
    double* out = drawn_.data() + position(factor, l);
    std::copy_n(factors.a[at].row(0, local), spec_.columns(factor), out);
    out[spec_.columns(factor)] = static_cast<double>(factors.rows[at].begin + local);
  }
}

template <class T>
std::size_t LeverageSampler<T>::position(int factor, Index l) const {
  const Index before = factor == 0 ? 0 : counts_[0] * (spec_.d + 1);
  return static_cast<std::size_t>(before + l * (spec_.columns(factor) + 1));
}

template <class T>
std::span<const double> LeverageSampler<T>::row(int factor, Index l) const {
  return {drawn_.data() + position(factor, l), static_cast<std::size_t>(spec_.columns(factor))};
}

template <class T>
Index LeverageSampler<T>::index(int factor, Index l) const {
  const std::span<const double> entries = row(factor, l);
  return static_cast<Index>(entries.data()[entries.size()]);
}

template <class T>
Index LeverageSampler<T>::distinct_rows() const {
  Index distinct = 0;
  for (const int factor : {0, 1}) {
    std::vector<Index> drawn;
    for (Index l = 0; l < counts_[static_cast<std::size_t>(factor)]; ++l) drawn.push_back(index(factor, l));
    std::sort(drawn.begin(), drawn.end());
    distinct += std::unique(drawn.begin(), drawn.end()) - drawn.begin();
  }
  return distinct;
}

template <class T>
Index LeverageSampler<T>::expected_distinct(const KroneckerSpec& spec, std::array<Index, 2> counts) {
  double distinct = 0;
  for (const int factor : {0, 1}) {
    const auto rows = static_cast<double>(spec.rows(factor));
    const auto draws = static_cast<double>(counts[static_cast<std::size_t>(factor)]);
    distinct -= rows * std::expm1(draws * std::log1p(-1 / rows));  // n (1 - (1 - 1 / n)^draws)
  }
  return static_cast<Index>(std::ceil(distinct));
}

template <class T>
double LeverageSampler<T>::whiten(int factor, std::span<const double> a, std::span<double> q) const {
  const Array<double>& inverse = inverse_[static_cast<std::size_t>(factor)];
  std::fill(q.begin(), q.end(), 0.0);
  for (std::size_t p = 0; p < a.size(); ++p) {
    const double* row = inverse.row(0, static_cast<Index>(p));
    for (std::size_t c = p; c < q.size(); ++c) q[c] += a[p] * row[c];
  }
  double score = 0;
  for (const double entry : q) score += entry * entry;
  return score;
}

template <class T>
void LeverageSampler<T>::weigh(int factor, WeightedRows& out) const {
  const Index count = counts_[static_cast<std::size_t>(factor)], d = spec_.columns(factor);
  out.whitener = inverse_[static_cast<std::size_t>(factor)];
  std::vector<double> q(static_cast<std::size_t>(d));
  for (Index l = 0; l < count; ++l) {
    const std::span<const double> entries = row(factor, l);
    const double score = whiten(factor, entries, q);
    const double weight = std::sqrt(static_cast<double>(d) / (static_cast<double>(count) * score));
    std::transform(entries.begin(), entries.end(), out.rows.row(0, l), [&](double entry) { return weight * entry; });
    out.weights[static_cast<std::size_t>(l)] = weight;
    out.indices[static_cast<std::size_t>(l)] = index(factor, l);
  }
}

template <class T>
void LeverageSampler<T>::add_steps(const KroneckerSpec& spec, std::array<Index, 2> counts, int ranks, int rank,
                                   Schedule& schedule) {
  FactorTriangles<double>::add_steps<T>(spec, ranks, rank, schedule);
  for (const int factor : {0, 1}) {
    const auto rows = static_cast<double>(block(spec.rows(factor), ranks, rank).size());
    const auto d = static_cast<double>(spec.columns(factor));
    schedule.compute(2 * rows * d * d, rows * d * sizeof(T));
  }
  schedule.communicate(Operation::all_gather, 2 * static_cast<Index>(sizeof(double)));
  const Index bytes = drawn_words(spec, counts) * static_cast<Index>(sizeof(double));
  schedule.compute(0, static_cast<double>(bytes));
  schedule.communicate(Operation::all_reduce, bytes);
}

template <class T>
Index LeverageSampler<T>::bytes(const KroneckerSpec& spec, std::array<Index, 2> counts, int ranks, int rank) {
  Index words = drawn_words(spec, counts) + 2 * ranks + 256 * std::max(spec.d, spec.second_columns());
  for (const int factor : {0, 1})
    words += block(spec.rows(factor), ranks, rank).size() + spec.columns(factor) * spec.columns(factor);
  return FactorTriangles<double>::bytes(spec) + words * static_cast<Index>(sizeof(double));
}

template class LeverageSampler<float>;
template class LeverageSampler<double>;

}  // namespace breakeven::regression
