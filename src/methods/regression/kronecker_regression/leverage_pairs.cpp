#include "methods/regression/kronecker_regression/leverage_pairs.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "methods/regression/kronecker/options.hpp"
#include "methods/regression/kronecker_regression/small_solutions.hpp"
#include "methods/regression/refusals.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression::kronecker_regression {
namespace {

constexpr double default_tolerance = 0.1;
constexpr Index rows_at_once = 256;

/// From the mean excess of a Gaussian sketch of s rows, D / (s - D - 1), which leverage sampling comes near.
Index pairs_of(const KroneckerSpec& spec, const LeveragePairsParams& params) {
  if (params.samples != unknown_index) return params.samples;
  const auto unknowns = static_cast<double>(spec.unknowns());
  return rounded_up(unknowns / params.tolerance + unknowns + 1);
}

}  // namespace

template <class T>
LeveragePairsParams LeveragePairs<T>::normalised(Params params) {
  if (params.samples == unknown_index && std::isnan(params.tolerance)) params.tolerance = default_tolerance;
  return params;
}

template <class T>
void LeveragePairs<T>::validate(const KroneckerRegressionSpec& spec, const Params& params) {
  require_one_of("samples", params.samples, params.tolerance);
  validate_draw(params.draw);
  require_draws("samples", pairs_of(spec, params), "d d2", spec.unknowns());
}

template <class T>
LeveragePairs<T>::LeveragePairs(const Communicator& comm, const KroneckerRegressionSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      pairs_(pairs_of(spec, params)),
      sampler_(comm, spec, {pairs_, pairs_}, params.draw),
      distinct_(static_cast<std::size_t>(pairs_)),
      gram_(spec.unknowns(), 1),
      chunk_(1, rows_at_once, spec.unknowns()),
      right_side_(static_cast<std::size_t>(rows_at_once)) {
  solution_.x = Array<T>(1, spec.d, spec.second_columns());
}

template <class T>
const KroneckerRegressionSolution<T>& LeveragePairs<T>::run(const KroneckerRegressionProblem<T>& problem) {
  sampler_.run(problem.factors);
  sort_pairs();
  const Served before = problem.source->served();
  agree(comm_, "reading b", [&] { absorb_pairs(*problem.source); });
  solution_.entries_read = problem.source->served().entries - before.entries;
  comm_.all_reduce(gram_.packed());
  agree(comm_, "Cholesky decomposition of the sample", [this] { solve(); });
  return solution_;
}

/// Equal on all ranks, as the draws are.
template <class T>
void LeveragePairs<T>::sort_pairs() {
  distinct_.clear();
  for (Index l = 0; l < pairs_; ++l)
    distinct_.push_back({sampler_.index(0, l) * spec_.second_rows() + sampler_.index(1, l), l, 1});
  std::sort(distinct_.begin(), distinct_.end(), [](const Drawn& a, const Drawn& b) { return a.place < b.place; });
  std::size_t kept = 0;
  for (std::size_t l = 1; l < distinct_.size(); ++l) {
    if (distinct_[l].place == distinct_[kept].place)
      ++distinct_[kept].copies;
    else
      distinct_[++kept] = distinct_[l];
  }
  distinct_.resize(kept + 1);
}

template <class T>
void LeveragePairs<T>::absorb_pairs(const Source<T>& source) {
  const double shared = static_cast<double>(spec_.unknowns()) / static_cast<double>(pairs_);
  std::vector<double> q1(static_cast<std::size_t>(spec_.d)), q2(static_cast<std::size_t>(spec_.second_columns()));
  std::vector<Position> where(static_cast<std::size_t>(rows_at_once));
  std::vector<T> entries(where.size());
  const Range mine = block(static_cast<Index>(distinct_.size()), comm_.size(), comm_.rank());
  gram_.start();
  for (Index begin = mine.begin; begin < mine.end; begin += rows_at_once) {
    const Index count = std::min(rows_at_once, mine.end - begin);
    const Drawn* const drawn = distinct_.data() + begin;
    for (Index l = 0; l < count; ++l)
      where[static_cast<std::size_t>(l)] = {sampler_.index(0, drawn[l].draw), sampler_.index(1, drawn[l].draw)};
    source.entries("b", 0, std::span(where).first(static_cast<std::size_t>(count)),
                   std::span(entries).first(static_cast<std::size_t>(count)));
    for (Index l = 0; l < count; ++l) {
      const double score1 = sampler_.whiten(0, sampler_.row(0, drawn[l].draw), q1);
      const double score2 = sampler_.whiten(1, sampler_.row(1, drawn[l].draw), q2);
      const auto copies = static_cast<double>(drawn[l].copies);
      const double weight = std::sqrt(copies * shared / (score1 * score2));  // 1 / sqrt(s p_ij) for each copy
      double* row = chunk_.row(0, l);
      for (const double p : q1)
        for (const double q : q2) *row++ = weight * p * q;
      right_side_[static_cast<std::size_t>(l)] = weight * static_cast<double>(entries[static_cast<std::size_t>(l)]);
    }
    gram_.absorb(chunk_.data(), right_side_.data(), count);
  }
}

template <class T>
void LeveragePairs<T>::solve() {
  const std::span<const double> packed = gram_.packed();
  const auto r = cholesky(Gram<double>::matrix(packed, spec_.unknowns()));
  if (!r)
    throw Failure("the " + std::to_string(pairs_) + " sampled equations do not determine the " +
                  std::to_string(spec_.unknowns()) + " unknowns: samples must be larger");
  Array<double> y = Gram<double>::rhs(packed, spec_.unknowns(), 1);
  solve_upper_transposed(*r, y);
  solve_upper(*r, y);
  Array<double> matrix(1, spec_.d, spec_.second_columns());
  std::copy_n(y.data(), y.size(), matrix.data());
  const Array<double> x = from_basis(sampler_.r(0), std::move(matrix), sampler_.r(1));
  std::transform(x.data(), x.data() + x.size(), solution_.x.data(), [](double entry) { return static_cast<T>(entry); });
}

template <class T>
Promise LeveragePairs<T>::promise() const {
  // Four times the mean of the law: more than its 95 % quantile from D = 4 on (chi square of D over its mean).
  const double spare = static_cast<double>(pairs_ - spec_.unknowns() - 1);
  if (spare > 0)
    return {Promise::Kind::probable, "error", 4 * static_cast<double>(spec_.unknowns()) / spare,
            saving_note_of_pairs(spec_, pairs_)};
  return {Promise::Kind::none, "", std::numeric_limits<double>::quiet_NaN(),
          "samples above d d2 + 1 = " + std::to_string(spec_.unknowns() + 1) + " are needed for a mean excess"};
}

template <class T>
LeveragePairsCounts LeveragePairs<T>::expected(const KroneckerRegressionSpec& spec, const Params& params) {
  const Index pairs = pairs_of(spec, params);
  return {pairs, LeverageSampler<T>::expected_distinct(spec, {pairs, pairs})};
}

template <class T>
Schedule LeveragePairs<T>::schedule(const KroneckerRegressionSpec& spec, const Params&, const Counts& counts, int ranks,
                                    int rank) {
  const auto real = static_cast<Index>(sizeof(double)), flag = static_cast<Index>(sizeof(Index));
  const Index pairs = counts.features, mine = block(pairs, ranks, rank).size(), unknowns = spec.unknowns();
  const Index packed = Gram<double>::packed_size(unknowns, 1), rows = rows_at_once;
  const auto cube = [](Index n) { return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n); };
  Schedule schedule;
  LeverageSampler<T>::add_steps(spec, {pairs, pairs}, ranks, rank, schedule);
  schedule.compute(Gram<double>::flops(mine, unknowns, 1), static_cast<double>(mine * (unknowns + 1) * real));
  schedule.communicate(Operation::agree, flag);
  schedule.communicate(Operation::all_reduce, packed * real);
  schedule.compute(cube(unknowns) / 3, static_cast<double>(unknowns * unknowns * real));
  schedule.communicate(Operation::agree, flag);
  return schedule.resident(LeverageSampler<T>::bytes(spec, {pairs, pairs}, ranks, rank) +
                           Gram<double>::bytes(unknowns, 1) + (rows * (unknowns + 1) + 2 * unknowns * unknowns) * real +
                           pairs * static_cast<Index>(sizeof(Drawn)) + unknowns * static_cast<Index>(sizeof(T)));
}

template class LeveragePairs<float>;
template class LeveragePairs<double>;

}  // namespace breakeven::regression::kronecker_regression
