#include "methods/regression/kronecker/quantum_options.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "methods/regression/kronecker/options.hpp"
#include "methods/regression/refusals.hpp"

namespace breakeven::regression {

KroneckerQuantumCounts::KroneckerQuantumCounts(const QueryLedger& ledger, const HalvingCounts& first,
                                               const HalvingCounts& second)
    : QueryCounts(ledger.counts()),
      features(std::max(first.kept, second.kept)),
      levels(first.levels),
      levels_second(second.levels),
      halving_retries(first.retries),
      halving_retries_second(second.retries),
      rows_kept(first.kept),
      rows_kept_second(second.kept),
      rows_scored(first.scored + second.scored),
      halving_overshoot(std::fmax(first.overshoot, second.overshoot)) {}

HalvingCounts KroneckerQuantumCounts::halving(int factor) const {
  HalvingCounts counts;
  counts.levels = factor == 0 ? levels : levels_second;
  counts.retries = factor == 0 ? halving_retries : halving_retries_second;
  counts.kept = factor == 0 ? rows_kept : rows_kept_second;
  return counts;
}

void validate_quantum(const KroneckerQuantumParams& params) {
  validate_tolerance(params.tolerance);
  validate_draw(params.draw);
  if (!(params.oversampling > 0 && std::isfinite(params.oversampling)))
    throw BadRequest("oversampling must be positive and finite, got " + to_text(Value(params.oversampling)));
}

KroneckerQuantumCounts expected_quantum(const KroneckerSpec& spec, const KroneckerQuantumParams& params,
                                        std::array<Index, 2> last_rows) {
  QueryLedger ledger(params.draw);
  std::array<HalvingCounts, 2> halvings;
  for (const int factor : {0, 1}) {
    const auto at = static_cast<std::size_t>(factor);
    halvings[at] = FactorHalving<double>::expected(spec.rows(factor), spec.columns(factor), params.oversampling,
                                                   last_rows[at], ledger);
  }
  return {ledger, halvings[0], halvings[1]};
}

Promise quantum_promise(const KroneckerSpec& spec, const KroneckerQuantumParams& params,
                        const KroneckerQuantumCounts& counts, double bound) {
  if (params.oversampling < 1)
    return {Promise::Kind::none, "", std::numeric_limits<double>::quiet_NaN(),
            "oversampling below 1 may lose directions of a factor; use at least 1"};
  return {Promise::Kind::probable, "error", bound,
          saving_note_of_factors(spec, {counts.rows_kept, counts.rows_kept_second})};
}

}  // namespace breakeven::regression
