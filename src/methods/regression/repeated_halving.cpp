#include "methods/regression/repeated_halving.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/layout.hpp"
#include "comm/agree.hpp"
#include "methods/regression/score_whitener.hpp"
#include "numerics/row_passes.hpp"

namespace breakeven::regression {
namespace {

constexpr Index last_coins = 64;  // a column of coins that no level uses: hashes have 64 bits
constexpr Index block_rows = 256;
constexpr Index most_retries = 3;
constexpr Index extras = 3;            // behind R in a message: rows of the level, rows kept, their probabilities
constexpr double surely_kept = 1e300;  // a score beyond all finite ones

/// Halvings until about 4 to 8 d ln d rows are left.
Index levels_of(Index n, Index d) {
  const double coarse = 8 * static_cast<double>(d) * log_dimension(d);
  const double halvings = std::ceil(std::log2(static_cast<double>(n) / coarse));
  return std::clamp<Index>(static_cast<Index>(halvings), 0, last_coins - 1);
}

Index message_words(Index d) {
  return TriangleQr<double>::packed_size(d, 0) + extras;
}

}  // namespace

double log_dimension(Index d) {
  return std::max(1.0, std::log(static_cast<double>(d)));
}

template <class T>
RepeatedHalving<T>::RepeatedHalving(const Communicator& comm, const HalvingSpec& spec)
    : comm_(comm),
      spec_(spec),
      first_row_(block(spec.n, comm.size(), comm.rank()).begin),
      level_rows_(static_cast<std::size_t>(levels_of(spec.n, spec.d) + 1), 0),
      block_(1, block_rows, spec.d),
      qr_(spec.d, 0),
      message_(static_cast<std::size_t>(message_words(spec.d))) {
  const Range rows = block(spec.n, comm.size(), comm.rank());
  const Philox hash(static_cast<std::uint64_t>(spec.draw), spec.level_stream);
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
void RepeatedHalving<T>::run(const Array<T>& a, QueryLedger& ledger) {
  steps_ = {};
  steps_.levels = levels_of(spec_.n, spec_.d);
  scored_ = kept_ = 0;
  std::fill_n(scores_.begin(), rows_of(steps_.levels), surely_kept);
  const Drawn coarsest = draw(a, steps_.levels, 1);
  ledger.read(coarsest.level_rows);
  Index rank = coarsest.rank;
  for (Index level = steps_.levels - 1; level >= 0; --level) halve(a, level, rank, ledger);

  score(a, 0);
  histogram_.clear();
  histogram_.add(scores_);
  histogram_.reduce(comm_);
}

/// B_l from B_{l+1}. A_l contains A_{l+1}, so its sample must not have lower rank; A_0 must have full rank.
template <class T>
void RepeatedHalving<T>::halve(const Array<T>& a, Index level, Index& rank, QueryLedger& ledger) {
  score(a, level);
  double scale = spec_.oversampling * log_dimension(spec_.d);
  for (Index retries = 0;; ++retries, scale *= 2) {
    const Drawn drawn = draw(a, level, scale);
    ledger.find_all(drawn.level_rows, drawn.kept);
    if (drawn.rank >= (level == 0 ? spec_.d : rank)) {
      rank = drawn.rank;
      steps_.overshoot = drawn.expected / (scale * static_cast<double>(spec_.d));
      return;
    }
    // The same on all ranks: they hold the same R bit for bit.
    if (retries == most_retries)
      throw CollectiveError(ExitCode::failure, "quantum: the sample of level " + std::to_string(level) + " of /" +
                                                   spec_.dataset + " has rank " + std::to_string(drawn.rank) + " of " +
                                                   std::to_string(spec_.d) + " after " + std::to_string(most_retries) +
                                                   " doublings of oversampling; its columns may be dependent");
    ++steps_.retries;
  }
}

template <class T>
void RepeatedHalving<T>::score(const Array<T>& a, Index level) {
  for (Index begin = 0; begin < rows_of(level); begin += block_rows) {
    const Index count = std::min(block_rows, rows_of(level) - begin);
    for (Index i = 0; i < count; ++i) std::copy_n(a.row(0, row_at(begin + i)), spec_.d, block_.row(0, i));
    double* scores = scores_.data() + begin;
    squared_row_norms(block_.data(), count, spec_.d, whitener_.data(), spec_.d, scores);
    for (Index i = 0; i < count; ++i)
      if (!(scores[i] < surely_kept)) scores[i] = surely_kept;  // overflowed, infinity or NaN
    scored_ += count;
  }
}

template <class T>
double RepeatedHalving<T>::probability(Index position, double scale) const {
  const double score = scores_[static_cast<std::size_t>(position)];
  return score == 0 ? 0 : std::min(1.0, scale * score);  // a row of zeros: 0 times an infinite scale is no probability
}

template <class T>
bool RepeatedHalving<T>::keeps(Index position, Index coin_column, double probability) const {
  if (probability == 0 || probability == 1) return probability == 1;
  const Philox coins(static_cast<std::uint64_t>(spec_.draw), spec_.coin_stream);
  return coins.uniform(first_row_ + row_at(position), coin_column) < probability;
}

/// Keeps each row of a level with probability min(1, scale * score); R and the whitener of what all ranks kept. The
/// rows are weighted in float64: one of a matrix with a large condition number keeps its share in the smallest
/// directions.
template <class T>
typename RepeatedHalving<T>::Drawn RepeatedHalving<T>::draw(const Array<T>& a, Index level, double scale) {
  const std::size_t packed = message_.size() - extras;
  Index kept = 0, in_block = 0;
  double expected = 0;
  qr_.start(comm_.is_root() ? spec_.ridge : 0.0);  // once in the sum over ranks
  for (Index position = 0; position < rows_of(level); ++position) {
    const double keeping = probability(position, scale);
    expected += keeping;
    if (!keeps(position, level, keeping)) continue;
    const T* row = a.row(0, row_at(position));
    std::transform(row, row + spec_.d, block_.row(0, in_block),
                   [weight = 1 / std::sqrt(keeping)](T entry) { return weight * static_cast<double>(entry); });
    ++kept;
    if (++in_block == block_rows) qr_.absorb(block_.data(), nullptr, std::exchange(in_block, 0));
  }
  qr_.absorb(block_.data(), nullptr, in_block);
  kept_ += kept;

  std::copy_n(qr_.packed().begin(), packed, message_.begin());
  message_[packed] = static_cast<double>(rows_of(level));
  message_[packed + 1] = static_cast<double>(kept);
  message_[packed + 2] = expected;
  comm_.combine<double>(message_, [&](std::span<double> lower, std::span<const double> higher) {
    qr_.assign(lower.first(packed));
    qr_.absorb_packed(higher.first(packed));
    std::copy_n(qr_.packed().begin(), packed, lower.begin());
    for (std::size_t extra = packed; extra < lower.size(); ++extra) lower[extra] += higher[extra];
  });
  r_ = TriangleQr<double>::r(std::span<const double>(message_).first(packed), spec_.d);
  SampleWhitener whitener = whitener_of(r_);
  whitener_ = std::move(whitener.x);
  return {static_cast<Index>(message_[packed]), static_cast<Index>(message_[packed + 1]), message_[packed + 2],
          whitener.rank};
}

template <class T>
std::vector<KeptRow> RepeatedHalving<T>::last_sample(double rows) const {
  const double scale = histogram_.scale_for(rows);
  std::vector<KeptRow> kept;
  for (Index position = 0; position < rows_of(0); ++position)
    if (const double keeping = probability(position, scale); keeps(position, last_coins, keeping))
      kept.push_back({row_at(position), 1 / std::sqrt(keeping)});
  std::sort(kept.begin(), kept.end(), [](const KeptRow& x, const KeptRow& y) { return x.local < y.local; });
  return kept;
}

template <class T>
HalvingSteps RepeatedHalving<T>::expected(Index n, Index d, double oversampling, QueryLedger& ledger, Index& scored) {
  constexpr double overshoot = 2;  // of scores against a sample of half the rows (Cohen et al. 2015)
  const double halved = std::ceil(overshoot * oversampling * log_dimension(d) * static_cast<double>(d));
  HalvingSteps steps;
  steps.levels = levels_of(n, d);
  if (steps.levels > 0) steps.overshoot = overshoot;
  ledger.read(n >> steps.levels);
  for (Index level = steps.levels - 1; level >= 0; --level) {
    const Index rows = n >> level;
    ledger.find_all(rows, static_cast<Index>(std::min(static_cast<double>(rows), halved)));
    scored += rows;
  }
  scored += n;
  return steps;
}

template <class T>
void RepeatedHalving<T>::add_steps(Index n, Index d, const HalvingSteps& steps, int ranks, int rank,
                                   Schedule& schedule) {
  const Index message = message_words(d) * static_cast<Index>(sizeof(double));
  const auto rows = static_cast<double>(block(n, ranks, rank).size());
  const auto scoring = [&](double level_rows) {
    schedule.compute(2 * level_rows * static_cast<double>(d * d), level_rows * static_cast<double>(d) * sizeof(T));
  };
  schedule.communicate(Operation::combine, message);
  for (Index level = steps.levels - 1; level >= 0; --level) scoring(std::ldexp(rows, -static_cast<int>(level)));
  for (Index step = 0; step < steps.levels + steps.retries; ++step) schedule.communicate(Operation::combine, message);
  scoring(rows);
  schedule.communicate(Operation::all_reduce, ScoreHistogram::bytes());
}

template <class T>
Index RepeatedHalving<T>::bytes(Index n, Index d, int ranks, int rank) {
  constexpr Index triangles = 10;  // R, its inverse, and what both are found with
  const Index words = 2 * block(n, ranks, rank).size() + block_rows * d + 2 * message_words(d) + triangles * d * d;
  return words * static_cast<Index>(sizeof(double)) + TriangleQr<double>::bytes(d, 0) + ScoreHistogram::bytes();
}

template class RepeatedHalving<float>;
template class RepeatedHalving<double>;

}  // namespace breakeven::regression
