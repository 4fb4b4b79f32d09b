#include "methods/regression/kronecker/factor_halving.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "base/layout.hpp"
#include "base/philox.hpp"
#include "comm/agree.hpp"
#include "methods/regression/score_whitener.hpp"
#include "numerics/row_passes.hpp"

namespace breakeven::regression {
namespace {

constexpr std::uint32_t level_stream = 330, coin_stream = 332;  // of the first factor; the second's follow
constexpr Index last_coins = 64;                                // a column of coins that no level uses
constexpr Index block_rows = 256;
constexpr Index most_retries = 3;
constexpr Index extras = 2;            // behind R in a message
constexpr double surely_kept = 1e300;  // a score beyond all finite ones

double log_dimension(Index d) {
  return std::max(1.0, std::log(static_cast<double>(d)));
}

/// Halvings until about 4 to 8 d ln d rows are left.
Index levels_of(Index n, Index d) {
  const double coarse = 8 * static_cast<double>(d) * log_dimension(d);
  return std::clamp<Index>(static_cast<Index>(std::ceil(std::log2(static_cast<double>(n) / coarse))), 0,
                           last_coins - 1);
}

Philox numbers(std::uint32_t stream, int factor, Index draw) {
  return {static_cast<std::uint64_t>(draw), static_cast<Stream>(stream + static_cast<std::uint32_t>(factor))};
}

Index message_words(Index d) {
  return TriangleQr<double>::packed_size(d, 0) + extras;
}

}  // namespace

template <class T>
FactorHalving<T>::FactorHalving(const Communicator& comm, Index n, Index d, int factor, double oversampling, Index draw)
    : comm_(comm),
      n_(n),
      d_(d),
      factor_(factor),
      oversampling_(oversampling),
      draw_(draw),
      first_row_(block(n, comm.size(), comm.rank()).begin),
      level_rows_(static_cast<std::size_t>(levels_of(n, d) + 1), 0),
      block_(1, block_rows, d),
      qr_(d, 0),
      message_(static_cast<std::size_t>(message_words(d))) {
  const Range rows = block(n, comm.size(), comm.rank());
  const Philox hash = numbers(level_stream, factor, draw);
  std::vector<std::vector<Index>> exactly(level_rows_.size());  // [level]: rows of it that no higher level has
  for (Index i = 0; i < rows.size(); ++i) {
    const auto words = hash.bits(rows.begin + i, 0);
    const int zeros = std::countl_zero((std::uint64_t{words[0]} << 32) | words[1]);
    exactly[std::min(static_cast<std::size_t>(zeros), exactly.size() - 1)].push_back(i);
  }
  order_.reserve(static_cast<std::size_t>(rows.size()));
  for (std::size_t level = exactly.size(); level-- > 0;) {
    order_.insert(order_.end(), exactly[level].begin(), exactly[level].end());
    level_rows_[level] = static_cast<Index>(order_.size());
  }
  scores_.assign(order_.size(), 0);
}

template <class T>
void FactorHalving<T>::run(const Array<T>& a, Index last_rows, QueryLedger& ledger) {
  counts_ = {};
  counts_.levels = levels_of(n_, d_);
  std::fill_n(scores_.begin(), rows_of(counts_.levels), surely_kept);
  const Step coarsest = draw(a, counts_.levels, 1);
  ledger.read(coarsest.level_rows);
  Index rank = coarsest.rank;
  for (Index level = counts_.levels - 1; level >= 0; --level) halve(a, level, rank, ledger);

  score(a, 0);
  histogram_.clear();
  histogram_.add(scores_);
  histogram_.reduce(comm_);
  gather_last(a, histogram_.scale_for(static_cast<double>(last_rows)));
  ledger.find_all(n_, counts_.kept);
}

/// B_l from B_{l+1}. A_l contains A_{l+1}, so its sample must not have lower rank; A_0 must have full rank.
template <class T>
void FactorHalving<T>::halve(const Array<T>& a, Index level, Index& rank, QueryLedger& ledger) {
  score(a, level);
  double scale = oversampling_ * log_dimension(d_);
  for (Index retries = 0;; ++retries, scale *= 2) {
    const Step step = draw(a, level, scale);
    ledger.find_all(step.level_rows, step.kept);
    if (step.rank >= (level == 0 ? d_ : rank)) {
      rank = step.rank;
      return;
    }
    // The same on all ranks: they hold the same R bit for bit.
    if (retries == most_retries)
      throw CollectiveError(ExitCode::failure, "quantum: a sample of /a" + std::to_string(factor_ + 1) + " has rank " +
                                                   std::to_string(step.rank) + " of " + std::to_string(d_) + " after " +
                                                   std::to_string(most_retries) +
                                                   " doublings of oversampling; the factor may be rank-deficient");
    ++counts_.retries;
  }
}

template <class T>
void FactorHalving<T>::score(const Array<T>& a, Index level) {
  for (Index begin = 0; begin < rows_of(level); begin += block_rows) {
    const Index count = std::min(block_rows, rows_of(level) - begin);
    for (Index i = 0; i < count; ++i)
      std::copy_n(a.row(0, order_[static_cast<std::size_t>(begin + i)]), d_, block_.row(0, i));
    double* scores = scores_.data() + begin;
    squared_row_norms(block_.data(), count, d_, answer_.whitener.data(), d_, scores);
    for (Index i = 0; i < count; ++i)
      if (!(scores[i] < surely_kept)) scores[i] = surely_kept;  // overflowed, infinity or NaN
    counts_.scored += count;
  }
}

/// Probability that the coin of a row keeps it, 0 if it does not: so the caller needs one number.
template <class T>
double FactorHalving<T>::probability(Index position, Index coin_column, double scale) const {
  const double score = scores_[static_cast<std::size_t>(position)];
  if (score == 0) return 0;  // a row of zeros; 0 times an infinite scale is no probability
  const double keeping = std::min(1.0, scale * score);
  if (keeping == 1) return 1;
  const Index i_global = first_row_ + order_[static_cast<std::size_t>(position)];
  return numbers(coin_stream, factor_, draw_).uniform(i_global, coin_column) < keeping ? keeping : 0;
}

/// Keeps each row of a level with probability min(1, scale * score); the whitener of what all ranks kept.
template <class T>
typename FactorHalving<T>::Step FactorHalving<T>::draw(const Array<T>& a, Index level, double scale) {
  Index kept = 0, in_block = 0;
  qr_.start();
  for (Index position = 0; position < rows_of(level); ++position) {
    const double keeping = probability(position, level, scale);
    if (keeping == 0) continue;
    const T* row = a.row(0, order_[static_cast<std::size_t>(position)]);
    std::transform(row, row + d_, block_.row(0, in_block),
                   [&](T entry) { return static_cast<double>(entry) / std::sqrt(keeping); });
    ++kept;
    if (++in_block == block_rows) qr_.absorb(block_.data(), nullptr, std::exchange(in_block, 0));
  }
  qr_.absorb(block_.data(), nullptr, in_block);

  const std::size_t packed = message_.size() - extras;
  std::copy_n(qr_.packed().begin(), packed, message_.begin());
  message_[packed] = static_cast<double>(rows_of(level));
  message_[packed + 1] = static_cast<double>(kept);
  comm_.combine<double>(message_, [&](std::span<double> lower, std::span<const double> higher) {
    qr_.assign(lower.first(packed));
    qr_.absorb_packed(higher.first(packed));
    std::copy_n(qr_.packed().begin(), packed, lower.begin());
    for (std::size_t extra = packed; extra < lower.size(); ++extra) lower[extra] += higher[extra];
  });
  SampleWhitener whitener = whitener_of(TriangleQr<double>::r(std::span<const double>(message_).first(packed), d_));
  answer_.whitener = std::move(whitener.x);
  return {static_cast<Index>(message_[packed]), static_cast<Index>(message_[packed + 1]), whitener.rank};
}

/// The rows whose last coins keep them, in global order on all ranks.
template <class T>
void FactorHalving<T>::gather_last(const Array<T>& a, double scale) {
  std::vector<std::pair<Index, double>> mine;  // row of this rank, weight
  for (Index position = 0; position < rows_of(0); ++position)
    if (const double keeping = probability(position, last_coins, scale); keeping > 0)
      mine.emplace_back(order_[static_cast<std::size_t>(position)], 1 / std::sqrt(keeping));
  std::sort(mine.begin(), mine.end());

  Index before = static_cast<Index>(mine.size());
  comm_.exclusive_scan(std::span<Index>(&before, 1));
  std::array<Index, 2> totals{static_cast<Index>(mine.size()), counts_.scored};
  comm_.all_reduce(std::span<Index>(totals));
  counts_.kept = totals[0], counts_.scored = totals[1];

  const Index width = d_ + 2;
  gathered_.assign(static_cast<std::size_t>(counts_.kept * width), 0.0);
  double* out = gathered_.data() + before * width;
  for (const auto& [i, weight] : mine) {
    out = std::transform(a.row(0, i), a.row(0, i) + d_, out,
                         [w = weight](T entry) { return w * static_cast<double>(entry); });
    *out++ = static_cast<double>(first_row_ + i);
    *out++ = weight;
  }
  comm_.all_reduce(std::span<double>(gathered_));

  answer_.rows = Array<double>(1, counts_.kept, d_);
  answer_.indices.resize(static_cast<std::size_t>(counts_.kept));
  answer_.weights.resize(answer_.indices.size());
  for (Index l = 0; l < counts_.kept; ++l) {
    const double* row = gathered_.data() + l * width;
    std::copy_n(row, d_, answer_.rows.row(0, l));
    answer_.indices[static_cast<std::size_t>(l)] = static_cast<Index>(row[d_]);
    answer_.weights[static_cast<std::size_t>(l)] = row[d_ + 1];
  }
}

template <class T>
HalvingCounts FactorHalving<T>::expected(Index n, Index d, double oversampling, Index last_rows, QueryLedger& ledger) {
  // Scores against a sample of half the rows add up to about 2 d (Cohen et al. 2015).
  const double halved = std::ceil(2 * oversampling * log_dimension(d) * static_cast<double>(d));
  HalvingCounts counts;
  counts.levels = levels_of(n, d);
  ledger.read(n >> counts.levels);
  for (Index level = counts.levels - 1; level >= 0; --level) {
    const Index rows = n >> level;
    ledger.find_all(rows, static_cast<Index>(std::min(static_cast<double>(rows), halved)));
    counts.scored += rows;
  }
  counts.kept = std::min(n, last_rows);
  ledger.find_all(n, counts.kept);
  counts.scored += n;
  return counts;
}

template <class T>
void FactorHalving<T>::add_steps(Index n, Index d, const HalvingCounts& counts, int ranks, int rank,
                                 Schedule& schedule) {
  constexpr auto real = static_cast<Index>(sizeof(double));
  const auto rows = static_cast<double>(block(n, ranks, rank).size());
  const auto scoring = [&](double level_rows) {
    schedule.compute(2 * level_rows * static_cast<double>(d * d), level_rows * static_cast<double>(d) * sizeof(T));
  };
  schedule.communicate(Operation::combine, message_words(d) * real);
  for (Index level = counts.levels - 1; level >= 0; --level) scoring(std::ldexp(rows, -static_cast<int>(level)));
  for (Index step = 0; step < counts.levels + counts.retries; ++step)
    schedule.communicate(Operation::combine, message_words(d) * real);
  scoring(rows);
  schedule.communicate(Operation::all_reduce, ScoreHistogram::bytes());
  schedule.communicate(Operation::exclusive_scan, static_cast<Index>(sizeof(Index)));
  schedule.communicate(Operation::all_reduce, 2 * static_cast<Index>(sizeof(Index)));
  schedule.communicate(Operation::all_reduce, counts.kept * (d + 2) * real);
}

template <class T>
Index FactorHalving<T>::bytes(Index n, Index d, const HalvingCounts& counts, int ranks, int rank) {
  const Index rows = block(n, ranks, rank).size();
  const Index words = 2 * rows + block_rows * d + message_words(d) + d * d + 2 * counts.kept * (d + 2);
  return words * static_cast<Index>(sizeof(double)) + TriangleQr<double>::bytes(d, 0) + ScoreHistogram::bytes();
}

template class FactorHalving<float>;
template class FactorHalving<double>;

}  // namespace breakeven::regression
