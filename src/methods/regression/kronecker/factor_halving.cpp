#include "methods/regression/kronecker/factor_halving.hpp"

#include <algorithm>
#include <array>

#include "base/layout.hpp"

namespace breakeven::regression {
namespace {

constexpr std::uint32_t level_stream = 330, coin_stream = 332;  // of the first factor; the second's follow

HalvingSpec halving_spec(Index n, Index d, int factor, double oversampling, Index draw) {
  HalvingSpec spec;
  spec.n = n, spec.d = d, spec.oversampling = oversampling, spec.draw = draw;
  spec.level_stream = static_cast<Stream>(level_stream + static_cast<std::uint32_t>(factor));
  spec.coin_stream = static_cast<Stream>(coin_stream + static_cast<std::uint32_t>(factor));
  spec.dataset = factor == 0 ? "a1" : "a2";
  return spec;
}

}  // namespace

template <class T>
FactorHalving<T>::FactorHalving(const Communicator& comm, Index n, Index d, int factor, double oversampling, Index draw)
    : comm_(comm), n_(n), d_(d), halving_(comm, halving_spec(n, d, factor, oversampling, draw)) {}

template <class T>
void FactorHalving<T>::run(const Array<T>& a, Index last_rows, QueryLedger& ledger) {
  halving_.run(a, ledger);
  gather(a, halving_.last_sample(static_cast<double>(last_rows)));
  static_cast<HalvingSteps&>(counts_) = halving_.steps();
  ledger.find_all(n_, counts_.kept);
}

/// The kept rows of all ranks, in global order on each of them.
template <class T>
void FactorHalving<T>::gather(const Array<T>& a, const std::vector<KeptRow>& mine) {
  Index before = static_cast<Index>(mine.size());
  comm_.exclusive_scan(std::span<Index>(&before, 1));
  std::array<Index, 2> totals{static_cast<Index>(mine.size()), halving_.scored()};
  comm_.all_reduce(std::span<Index>(totals));
  counts_.kept = totals[0], counts_.scored = totals[1];

  const Index width = d_ + 2, first_row = block(n_, comm_.size(), comm_.rank()).begin;
  gathered_.assign(static_cast<std::size_t>(counts_.kept * width), 0.0);
  double* out = gathered_.data() + before * width;
  for (const auto& [i, weight] : mine) {
    out = std::transform(a.row(0, i), a.row(0, i) + d_, out,
                         [w = weight](T entry) { return w * static_cast<double>(entry); });
    *out++ = static_cast<double>(first_row + i);
    *out++ = weight;
  }
  comm_.all_reduce(std::span<double>(gathered_));

  answer_ = WeightedRows(counts_.kept, d_);
  answer_.whitener = halving_.whitener();
  for (Index l = 0; l < counts_.kept; ++l) {
    const double* row = gathered_.data() + l * width;
    std::copy_n(row, d_, answer_.rows.row(0, l));
    answer_.indices[static_cast<std::size_t>(l)] = static_cast<Index>(row[d_]);
    answer_.weights[static_cast<std::size_t>(l)] = row[d_ + 1];
  }
}

template <class T>
HalvingCounts FactorHalving<T>::expected(Index n, Index d, double oversampling, Index last_rows, QueryLedger& ledger) {
  HalvingCounts counts;
  static_cast<HalvingSteps&>(counts) = RepeatedHalving<T>::expected(n, d, oversampling, ledger, counts.scored);
  counts.kept = std::min(n, last_rows);
  ledger.find_all(n, counts.kept);
  return counts;
}

template <class T>
void FactorHalving<T>::add_steps(Index n, Index d, const HalvingCounts& counts, int ranks, int rank,
                                 Schedule& schedule) {
  RepeatedHalving<T>::add_steps(n, d, counts, ranks, rank, schedule);
  schedule.communicate(Operation::exclusive_scan, static_cast<Index>(sizeof(Index)));
  schedule.communicate(Operation::all_reduce, 2 * static_cast<Index>(sizeof(Index)));
  schedule.communicate(Operation::all_reduce, counts.kept * (d + 2) * static_cast<Index>(sizeof(double)));
}

template <class T>
Index FactorHalving<T>::bytes(Index n, Index d, const HalvingCounts& counts, int ranks, int rank) {
  return RepeatedHalving<T>::bytes(n, d, ranks, rank) + WeightedRows::bytes(counts.kept, d) +
         counts.kept * (d + 2) * static_cast<Index>(sizeof(double));
}

template class FactorHalving<float>;
template class FactorHalving<double>;

}  // namespace breakeven::regression
