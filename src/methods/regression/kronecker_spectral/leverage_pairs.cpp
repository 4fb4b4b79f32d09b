#include "methods/regression/kronecker_spectral/leverage_pairs.hpp"

#include <cmath>

#include "methods/regression/kronecker/options.hpp"
#include "methods/regression/refusals.hpp"

namespace breakeven::regression::kronecker_spectral {
namespace {

constexpr double default_tolerance = 0.5;

Index pairs_of(const KroneckerSpec& spec, const LeveragePairsParams& params) {
  if (params.samples != unknown_index) return params.samples;
  return rounded_up(4 * static_cast<double>(spec.unknowns()) / (params.tolerance * params.tolerance));
}

}  // namespace

template <class T>
LeveragePairsParams LeveragePairs<T>::normalised(Params params) {
  if (params.samples == unknown_index && std::isnan(params.tolerance)) params.tolerance = default_tolerance;
  return params;
}

template <class T>
void LeveragePairs<T>::validate(const KroneckerSpec& spec, const Params& params) {
  require_one_of("samples", params.samples, params.tolerance);
  validate_draw(params.draw);
  require_draws("samples", pairs_of(spec, params), "d d2", spec.unknowns());
}

template <class T>
LeveragePairs<T>::LeveragePairs(const Communicator& comm, const KroneckerSpec& spec, const Params& params)
    : spec_(spec),
      pairs_(pairs_of(spec, params)),
      mine_(block(pairs_, comm.size(), comm.rank())),
      sampler_(comm, spec, {pairs_, pairs_}, params.draw) {
  solution_.pairs = true;
  solution_.rows = {pairs_, pairs_};
  solution_.parts = {Array<T>(1, mine_.size(), spec.d), Array<T>(1, mine_.size(), spec.second_columns())};
}

template <class T>
const KroneckerSpectralSolution<T>& LeveragePairs<T>::run(const KroneckerSpectralProblem<T>& problem) {
  sampler_.run(problem.factors);
  // p_ij = |q_i|^2 |q_j|^2 / (d d2); each factor of the row takes its own share of 1 / sqrt(s p_ij).
  const double shared = std::sqrt(static_cast<double>(spec_.unknowns()) / static_cast<double>(pairs_));
  for (const int factor : {0, 1}) {
    Array<T>& part = solution_.parts[static_cast<std::size_t>(factor)];
    std::vector<double> q(static_cast<std::size_t>(part.columns()));
    for (Index l = 0; l < mine_.size(); ++l) {
      const std::span<const double> row = sampler_.row(factor, mine_.begin + l);
      const double weight = (factor == 0 ? shared : 1) / std::sqrt(sampler_.whiten(factor, row, q));
      for (Index c = 0; c < part.columns(); ++c)
        part(0, l, c) = static_cast<T>(weight * row[static_cast<std::size_t>(c)]);
    }
  }
  return solution_;
}

template <class T>
Promise LeveragePairs<T>::promise() const {
  // Twice the law 2 sqrt(D / s); twenty draws of Cauchy rows stayed below 1.9 times it (NOTES.md).
  return {Promise::Kind::probable, "error",
          4 * std::sqrt(static_cast<double>(spec_.unknowns()) / static_cast<double>(pairs_)),
          saving_note_of_pairs(spec_, pairs_)};
}

template <class T>
LeveragePairsCounts LeveragePairs<T>::expected(const KroneckerSpec& spec, const Params& params) {
  const Index pairs = pairs_of(spec, params);
  return {pairs, LeverageSampler<T>::expected_distinct(spec, {pairs, pairs})};
}

template <class T>
Schedule LeveragePairs<T>::schedule(const KroneckerSpec& spec, const Params&, const Counts& counts, int ranks,
                                    int rank) {
  const Index pairs = counts.features, mine = block(pairs, ranks, rank).size(),
              columns = spec.d + spec.second_columns();
  const double squares = static_cast<double>(spec.d * spec.d + spec.second_columns() * spec.second_columns());
  Schedule schedule;
  LeverageSampler<T>::add_steps(spec, {pairs, pairs}, ranks, rank, schedule);
  schedule.compute(static_cast<double>(mine) * squares, static_cast<double>(mine * columns) * (8.0 + sizeof(T)));
  return schedule.resident(LeverageSampler<T>::bytes(spec, {pairs, pairs}, ranks, rank) +
                           mine * columns * static_cast<Index>(sizeof(T)));
}

template class LeveragePairs<float>;
template class LeveragePairs<double>;

}  // namespace breakeven::regression::kronecker_spectral
