#include "methods/regression/least_squares/quantum.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/saving.hpp"
#include "methods/regression/score_whitener.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Stream level_stream{320}, coin_stream{321};
constexpr Index block_rows = 256;
constexpr Index most_retries = 3;
// Few rows may miss a direction: 16 are wanted, of which the bins of a histogram may cost an eighth.
constexpr double least_rows_a_dimension = 16 * 8.0 / 7;
constexpr Index extras = 2;  // behind R and Q'B in the message: rows kept, rows scored

HalvingSpec halving_spec(const LeastSquaresSpec& spec, const QuantumParams& params) {
  HalvingSpec halving;
  halving.n = spec.n, halving.d = spec.d, halving.ridge = spec.ridge;
  halving.oversampling = params.oversampling, halving.draw = params.draw;
  halving.level_stream = level_stream, halving.coin_stream = coin_stream;
  halving.dataset = "a";
  return halving;
}

Index message_words(const LeastSquaresSpec& spec) {
  return TriangleQr<double>::packed_size(spec.d, spec.rhs) + extras;
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
Quantum<T>::Quantum(const Communicator& comm, const LeastSquaresSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      halving_(comm, halving_spec(spec, params)),
      block_(static_cast<std::size_t>(block_rows * spec.d)),
      rhs_(static_cast<std::size_t>(block_rows * spec.rhs)),
      qr_(spec.d, spec.rhs),
      message_(static_cast<std::size_t>(message_words(spec))) {
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& Quantum<T>::run(const LeastSquaresProblem<T>& problem) {
  counts_ = {};
  QueryLedger ledger(params_.draw);
  halving_.run(problem.a, ledger);
  solution_.rows_read = halving_.rows_read();
  solution_.halved = halving_.r();
  static_cast<HalvingSteps&>(counts_) = halving_.steps();
  counts_.statistical_dimension =
      std::clamp(static_cast<double>(spec_.d) - spec_.ridge * squared_norm(halving_.whitener()), 0.0,
                 static_cast<double>(spec_.d));

  double rows = last_rows(spec_, params_, counts_.statistical_dimension);
  for (;; rows *= 2) {
    const Index rank = draw_last(problem, rows);
    ledger.find_all(spec_.n, counts_.rows_kept);
    if (rank == spec_.d) break;
    if (counts_.final_retries == most_retries)
      throw CollectiveError(ExitCode::failure, "quantum: the last sample has rank " + std::to_string(rank) + " of " +
                                                   std::to_string(spec_.d) + " after " + std::to_string(most_retries) +
                                                   " doublings of its size; the columns of /a may be dependent");
    ++counts_.final_retries;
  }
  solve();
  static_cast<QueryCounts&>(counts_) = ledger.counts();
  return solution_;
}

template <class T>
Index Quantum<T>::draw_last(const LeastSquaresProblem<T>& problem, double rows) {
  const std::vector<KeptRow> kept = halving_.last_sample(rows);
  absorb(problem, kept);
  solution_.rows_read += static_cast<Index>(kept.size());
  const std::size_t size = packed().size();
  std::span<double> message(message_);
  std::copy_n(qr_.packed().begin(), size, message.begin());
  message[size] = static_cast<double>(kept.size());
  message[size + 1] = static_cast<double>(halving_.scored());
  comm_.combine<double>(message, [&](std::span<double> lower, std::span<const double> higher) {
    qr_.assign(lower.first(size));
    qr_.absorb_packed(higher.first(size));
    std::copy_n(qr_.packed().begin(), size, lower.begin());
    for (std::size_t extra = size; extra < lower.size(); ++extra) lower[extra] += higher[extra];
  });
  counts_.rows_kept = static_cast<Index>(message[size]);
  counts_.rows_scored = static_cast<Index>(message[size + 1]);
  return whitener_of(TriangleQr<double>::r(packed(), spec_.d)).rank;
}

template <class T>
void Quantum<T>::absorb(const LeastSquaresProblem<T>& problem, const std::vector<KeptRow>& kept) {
  const auto copy = [](const T* row, Index columns, double weight, double* out) {
    std::transform(row, row + columns, out, [weight](T entry) { return weight * static_cast<double>(entry); });
  };
  qr_.start(comm_.is_root() ? spec_.ridge : 0.0);  // once in the sum over ranks
  Index in_block = 0;
  for (const auto& [i, weight] : kept) {
    copy(problem.a.row(0, i), spec_.d, weight, block_.data() + in_block * spec_.d);
    copy(problem.b.row(0, i), spec_.rhs, weight, rhs_.data() + in_block * spec_.rhs);
    if (++in_block == block_rows) qr_.absorb(block_.data(), rhs_.data(), std::exchange(in_block, 0));
  }
  qr_.absorb(block_.data(), rhs_.data(), in_block);
}

template <class T>
std::span<const double> Quantum<T>::packed() const {
  return std::span<const double>(message_).first(message_.size() - extras);
}

template <class T>
void Quantum<T>::solve() {
  Array<double> x = TriangleQr<double>::rotated_rhs(packed(), spec_.d, spec_.rhs);
  solve_upper(TriangleQr<double>::r(packed(), spec_.d), x);
  std::transform(x.span().begin(), x.span().end(), solution_.x.data(),
                 [](double entry) { return static_cast<T>(entry); });
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
  const double d = static_cast<double>(spec.d);  // the ridge's dimension is unknown beforehand
  Counts counts;
  counts.statistical_dimension = d;
  QueryLedger ledger(params.draw);
  static_cast<HalvingSteps&>(counts) =
      RepeatedHalving<T>::expected(spec.n, spec.d, params.oversampling, ledger, counts.rows_scored);
  counts.rows_kept = std::min(spec.n, static_cast<Index>(last_rows(spec, params, d)));
  ledger.find_all(spec.n, counts.rows_kept);
  static_cast<QueryCounts&>(counts) = ledger.counts();
  return counts;
}

template <class T>
Schedule Quantum<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts& counts, int ranks, int rank) {
  using Qr = TriangleQr<double>;
  constexpr auto real = static_cast<Index>(sizeof(double));
  const Index rows = block(spec.n, ranks, rank).size(), message = message_words(spec) * real;
  const double share = static_cast<double>(rows) / static_cast<double>(spec.n);
  const auto kept = static_cast<Index>(share * static_cast<double>(counts.rows_kept));
  Schedule schedule;
  RepeatedHalving<T>::add_steps(spec.n, spec.d, counts, ranks, rank, schedule);
  for (Index step = 0; step <= counts.final_retries; ++step) {
    schedule.compute(Qr::flops(kept, spec.d, spec.rhs), 0);
    schedule.communicate(Operation::combine, message);
  }
  return schedule.resident(RepeatedHalving<T>::bytes(spec.n, spec.d, ranks, rank) + Qr::bytes(spec.d, spec.rhs) +
                           block_rows * (spec.d + spec.rhs) * real + 2 * message +
                           kept * static_cast<Index>(sizeof(KeptRow)) +
                           spec.d * spec.rhs * static_cast<Index>(sizeof(T)));
}

template class Quantum<float>;
template class Quantum<double>;

}  // namespace breakeven::regression
