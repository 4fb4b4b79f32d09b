#include "methods/regression/least_squares/quantum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "comm/agree.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/saving.hpp"
#include "methods/regression/score_whitener.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream level_stream{320}, coin_stream{321};
constexpr Index last_coins = 64;  // a column of coins that no level uses: hashes have 64 bits
constexpr Index block_rows = 256;
constexpr Index most_retries = 3;
// Few rows may miss a direction: 16 are wanted, of which the bins of a histogram may cost an eighth.
constexpr double least_rows_a_dimension = 16 * 8.0 / 7;
constexpr Index extras = 3;            // behind R in a message: rows of the level, rows kept, rows scored
constexpr double surely_kept = 1e300;  // a score beyond all finite ones

double log_dimension(Index d) {
  return std::max(1.0, std::log(static_cast<double>(d)));
}

/// Halvings until about 4 to 8 d ln d rows are left.
Index levels_of(const LeastSquaresSpec& spec) {
  const double coarse = 8 * static_cast<double>(spec.d) * log_dimension(spec.d);
  const double halvings = std::ceil(std::log2(static_cast<double>(spec.n) / coarse));
  return std::clamp<Index>(static_cast<Index>(halvings), 0, last_coins - 1);
}

/// The residual excess of a sample of k rows is d / k times a chi-square variable over its degrees of freedom: its 95 %
/// quantile (Wilson and Hilferty 1931), and no less than 1.5 for what the leverage scores add.
double final_factor(const QuantumParams& params, double degrees) {
  if (!std::isnan(params.final_factor)) return params.final_factor;
  constexpr double normal_quantile = 1.645;
  const double variance = 2 / (9 * std::max(1.0, degrees));
  return std::max(1.5, std::pow(1 - variance + normal_quantile * std::sqrt(variance), 3));
}

/// Rows of the last sample.
double last_rows(const LeastSquaresSpec& spec, const QuantumParams& params, double dimension) {
  const double factor = final_factor(params, dimension * static_cast<double>(spec.rhs));
  const double wanted = std::max(factor / params.tolerance, least_rows_a_dimension) * std::max(1.0, dimension);
  return std::ceil(wanted);
}

double squared_norm(const Array<double>& a) {
  double sum = 0;
  for (const double entry : a.span()) sum += entry * entry;
  return sum;
}

}  // namespace

template <class T>
void Quantum<T>::validate(const LeastSquaresSpec&, const Params& params) {
  validate_tolerance(params.tolerance);
  validate_draw(params.draw);
  if (!(params.oversampling > 0 && std::isfinite(params.oversampling)))
    throw BadRequest("oversampling must be positive and finite, got " + to_text(Value(params.oversampling)));
  if (!std::isnan(params.final_factor) && !(params.final_factor > 0 && std::isfinite(params.final_factor)))
    throw BadRequest("final-factor must be positive and finite, got " + to_text(Value(params.final_factor)));
}

template <class T>
Quantum<T>::Triangle::Triangle(Index d, Index columns)
    : n_rhs(columns), qr(d, columns), message(static_cast<std::size_t>(message_size(d, columns))) {}

template <class T>
Index Quantum<T>::Triangle::message_size(Index d, Index n_rhs) {
  return TriangleQr<double>::packed_size(d, n_rhs) + extras;
}

template <class T>
std::span<const double> Quantum<T>::Triangle::packed() const {
  return std::span<const double>(message).first(message.size() - extras);
}

template <class T>
Quantum<T>::Quantum(const Communicator& comm, const LeastSquaresSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      ledger_(params.draw),
      level_rows_(static_cast<std::size_t>(levels_of(spec) + 1), 0),
      block_(static_cast<std::size_t>(block_rows * spec.d)),
      rhs_(static_cast<std::size_t>(block_rows * spec.rhs)),
      halved_(spec.d, 0),
      last_(spec.d, spec.rhs) {
  const Range rows = block(spec.n, comm.size(), comm.rank());
  const Philox hash(static_cast<std::uint64_t>(params.draw), level_stream);
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
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& Quantum<T>::run(const LeastSquaresProblem<T>& problem) {
  counts_ = {};
  ledger_ = QueryLedger(params_.draw);
  rows_scored_ = 0;
  solution_.rows_read = 0;
  counts_.levels = levels_of(spec_);

  Sample sample = read_coarsest(problem);
  for (Index level = counts_.levels - 1; level >= 0; --level) sample = halve(problem, level, sample);
  draw_last(problem, sample);
  solve();
  static_cast<QueryCounts&>(counts_) = ledger_.counts();
  return solution_;
}

template <class T>
typename Quantum<T>::Sample Quantum<T>::read_coarsest(const LeastSquaresProblem<T>& problem) {
  std::fill_n(scores_.begin(), rows_of(counts_.levels), surely_kept);
  const Sample sample = draw(problem, counts_.levels, counts_.levels, 1, halved_);
  ledger_.read(sample.level_rows);
  return sample;
}

/// B_l from B_{l+1}. A_l contains A_{l+1}, so its sample must not have lower rank; A_0 must have full rank.
template <class T>
typename Quantum<T>::Sample Quantum<T>::halve(const LeastSquaresProblem<T>& problem, Index level,
                                              const Sample& coarser) {
  score(problem, level, coarser.whitener);
  double scale = params_.oversampling * log_dimension(spec_.d);
  Sample sample;
  for (Index retries = 0;; ++retries, scale *= 2) {
    sample = draw(problem, level, level, scale, halved_);
    ledger_.find_all(sample.level_rows, sample.kept);
    if (sample.rank >= (level == 0 ? spec_.d : coarser.rank)) return sample;
    // The same on all ranks: they hold the same R bit for bit.
    if (retries == most_retries)
      throw CollectiveError(ExitCode::failure, "quantum: the sample of level " + std::to_string(level) + " has rank " +
                                                   std::to_string(sample.rank) + " of " + std::to_string(spec_.d) +
                                                   " after " + std::to_string(most_retries) +
                                                   " doublings of oversampling; A may be rank-deficient, use ridge");
    ++counts_.halving_retries;
  }
}

template <class T>
void Quantum<T>::draw_last(const LeastSquaresProblem<T>& problem, const Sample& halved) {
  counts_.statistical_dimension = std::clamp(static_cast<double>(spec_.d) - spec_.ridge * squared_norm(halved.whitener),
                                             0.0, static_cast<double>(spec_.d));
  score(problem, 0, halved.whitener);
  histogram_.clear();
  histogram_.add(scores_);
  histogram_.reduce(comm_);
  double rows = last_rows(spec_, params_, counts_.statistical_dimension);
  for (Index retries = 0;; ++retries, rows *= 2) {
    const Sample sample = draw(problem, 0, last_coins, histogram_.scale_for(rows), last_);
    ledger_.find_all(sample.level_rows, sample.kept);
    counts_.rows_kept = sample.kept;
    if (sample.rank == spec_.d) return;
    if (retries == most_retries)
      throw CollectiveError(ExitCode::failure, "quantum: the last sample has rank " + std::to_string(sample.rank) +
                                                   " of " + std::to_string(spec_.d) + " after " +
                                                   std::to_string(most_retries) +
                                                   " doublings of its size; A may be rank-deficient, use ridge");
    ++counts_.final_retries;
  }
}

template <class T>
void Quantum<T>::solve() {
  Array<double> x = TriangleQr<double>::rotated_rhs(last_.packed(), spec_.d, spec_.rhs);
  solve_upper(TriangleQr<double>::r(last_.packed(), spec_.d), x);
  std::transform(x.span().begin(), x.span().end(), solution_.x.data(),
                 [](double entry) { return static_cast<T>(entry); });
}

/// Copies row order_[position], times weight, behind those gathered already. In float64: a row of a matrix with a large
/// condition number keeps its share in the smallest directions.
template <class T>
void Quantum<T>::gather_row(const LeastSquaresProblem<T>& problem, Index position, double weight, bool right_sides) {
  const Index i = order_[static_cast<std::size_t>(position)];
  const auto weighted = [weight](T entry) { return weight * static_cast<double>(entry); };
  const T* row = problem.a.row(0, i);
  std::transform(row, row + spec_.d, block_.data() + gathered_ * spec_.d, weighted);
  if (right_sides) {
    const T* right = problem.b.row(0, i);
    std::transform(right, right + spec_.rhs, rhs_.data() + gathered_ * spec_.rhs, weighted);
  }
  ++gathered_;
  ++solution_.rows_read;
}

template <class T>
void Quantum<T>::score(const LeastSquaresProblem<T>& problem, Index level, const Array<double>& whitener) {
  for (Index begin = 0; begin < rows_of(level); begin += block_rows) {
    const Index count = std::min(block_rows, rows_of(level) - begin);
    for (gathered_ = 0; gathered_ < count;) gather_row(problem, begin + gathered_, 1, false);
    double* scores = scores_.data() + begin;
    squared_row_norms(block_.data(), count, spec_.d, whitener.data(), spec_.d, scores);
    for (Index i = 0; i < count; ++i)
      if (!(scores[i] < surely_kept)) scores[i] = surely_kept;  // overflowed, infinity or NaN
    rows_scored_ += count;
  }
}

template <class T>
Index Quantum<T>::absorb_kept(const LeastSquaresProblem<T>& problem, Index level, Index coin_column, double scale,
                              Triangle& triangle) {
  const Philox coins(static_cast<std::uint64_t>(params_.draw), coin_stream);
  const bool right_sides = triangle.n_rhs > 0;
  const auto absorb = [&] {
    triangle.qr.absorb(block_.data(), right_sides ? rhs_.data() : nullptr, gathered_);
    gathered_ = 0;
  };
  triangle.qr.start(comm_.is_root() ? spec_.ridge : 0.0);  // once in the sum over ranks
  gathered_ = 0;
  Index kept = 0;
  for (Index position = 0; position < rows_of(level); ++position) {
    const double score = scores_[static_cast<std::size_t>(position)];
    if (score == 0) continue;  // a row of zeros; 0 times an infinite scale is no probability
    const double probability = std::min(1.0, scale * score);
    const Index i_global = problem.first_row + order_[static_cast<std::size_t>(position)];
    if (probability < 1 && coins.uniform(i_global, coin_column) >= probability) continue;
    gather_row(problem, position, 1 / std::sqrt(probability), right_sides);
    ++kept;
    if (gathered_ == block_rows) absorb();
  }
  absorb();
  return kept;
}

template <class T>
typename Quantum<T>::Sample Quantum<T>::draw(const LeastSquaresProblem<T>& problem, Index level, Index coin_column,
                                             double scale, Triangle& triangle) {
  const Index kept = absorb_kept(problem, level, coin_column, scale, triangle);
  const std::size_t packed = triangle.packed().size();
  std::span<double> message(triangle.message);
  std::copy_n(triangle.qr.packed().begin(), packed, message.begin());
  message[packed] = static_cast<double>(rows_of(level));
  message[packed + 1] = static_cast<double>(kept);
  message[packed + 2] = static_cast<double>(rows_scored_);
  comm_.combine<double>(message, [&](std::span<double> lower, std::span<const double> higher) {
    triangle.qr.assign(lower.first(packed));
    triangle.qr.absorb_packed(higher.first(packed));
    std::copy_n(triangle.qr.packed().begin(), packed, lower.begin());
    for (std::size_t extra = packed; extra < lower.size(); ++extra) lower[extra] += higher[extra];
  });

  Sample sample;
  sample.level_rows = static_cast<Index>(message[packed]);
  sample.kept = static_cast<Index>(message[packed + 1]);
  counts_.rows_scored = static_cast<Index>(message[packed + 2]);
  SampleWhitener whitener = whitener_of(TriangleQr<double>::r(triangle.packed(), spec_.d));
  sample.rank = whitener.rank;
  if (triangle.n_rhs == 0) sample.whitener = std::move(whitener.x);
  return sample;
}

template <class T>
Promise Quantum<T>::promise() const {
  Promise promise;
  if (params_.oversampling < 1) {
    promise.reason = "oversampling below 1 may lose directions of A; use at least 1";
    return promise;
  }
  const double least = final_factor({}, counts_.statistical_dimension * static_cast<double>(spec_.rhs));
  const double used = final_factor(params_, counts_.statistical_dimension * static_cast<double>(spec_.rhs));
  if (used < least) {
    promise.reason = "final-factor " + to_text(Value(used)) + " is reached in fewer than 95 % of draws; use " +
                     to_text(Value(least));
    return promise;
  }
  promise.kind = Promise::Kind::probable;
  promise.metric = "error";
  promise.bound = params_.tolerance;
  promise.reason = saving_note(static_cast<double>(counts_.rows_kept), static_cast<double>(spec_.n));
  return promise;
}

template <class T>
QuantumCounts Quantum<T>::expected(const LeastSquaresSpec& spec, const Params& params) {
  // Scores against a sample of half the rows add up to about 2 d (Cohen et al. 2015), ridge unknown beforehand.
  const double d = static_cast<double>(spec.d);
  const double halved = std::ceil(2 * params.oversampling * log_dimension(spec.d) * d);
  Counts counts;
  counts.levels = levels_of(spec);
  counts.statistical_dimension = d;
  QueryLedger ledger(params.draw);
  ledger.read(spec.n >> counts.levels);
  for (Index level = counts.levels - 1; level >= 0; --level) {
    const Index rows = spec.n >> level;
    ledger.find_all(rows, std::min(rows, static_cast<Index>(halved)));
    counts.rows_scored += rows;
  }
  counts.rows_kept = std::min(spec.n, static_cast<Index>(last_rows(spec, params, d)));
  ledger.find_all(spec.n, counts.rows_kept);
  counts.rows_scored += spec.n;
  static_cast<QueryCounts&>(counts) = ledger.counts();
  return counts;
}

template <class T>
Schedule Quantum<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts& counts, int ranks, int rank) {
  using Qr = TriangleQr<double>;
  constexpr auto real = static_cast<Index>(sizeof(double));
  const Index rows = block(spec.n, ranks, rank).size(), stage = Triangle::message_size(spec.d, 0);
  const Index last = Triangle::message_size(spec.d, spec.rhs);
  const double d = static_cast<double>(spec.d), share = static_cast<double>(rows) / static_cast<double>(spec.n);
  const auto scoring = [&](Schedule& schedule, double level_rows) {
    schedule.compute(2 * level_rows * d * d, level_rows * d * static_cast<double>(sizeof(T)));
  };
  Schedule schedule;
  schedule.communicate(Operation::combine, stage * real);
  for (Index level = counts.levels - 1; level >= 0; --level)
    scoring(schedule, std::ldexp(static_cast<double>(rows), -static_cast<int>(level)));
  for (Index step = 0; step < counts.levels + counts.halving_retries; ++step)
    schedule.communicate(Operation::combine, stage * real);
  scoring(schedule, static_cast<double>(rows));
  schedule.communicate(Operation::all_reduce, ScoreHistogram::bytes());
  for (Index step = 0; step <= counts.final_retries; ++step) {
    schedule.compute(Qr::flops(static_cast<Index>(share * static_cast<double>(counts.rows_kept)), spec.d, spec.rhs), 0);
    schedule.communicate(Operation::combine, last * real);
  }
  return schedule.resident(2 * rows * real + block_rows * (spec.d + spec.rhs) * real + Qr::bytes(spec.d, 0) +
                           Qr::bytes(spec.d, spec.rhs) + (2 * stage + 2 * last) * real + 10 * spec.d * spec.d * real +
                           ScoreHistogram::bytes() + spec.d * spec.rhs * static_cast<Index>(sizeof(T)));
}

template class Quantum<float>;
template class Quantum<double>;

}  // namespace breakeven::regression
