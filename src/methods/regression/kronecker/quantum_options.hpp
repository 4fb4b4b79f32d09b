#pragma once

#include <array>
#include <limits>
#include <string_view>
#include <tuple>

#include "base/fields.hpp"
#include "base/promise.hpp"
#include "methods/regression/kronecker/factor_halving.hpp"
#include "methods/regression/kronecker/factors.hpp"
#include "methods/regression/query_ledger.hpp"

// What method quantum of both Kronecker problems is told and counts.
namespace breakeven::regression {

struct KroneckerQuantumParams {
  double tolerance = 0.5;
  double oversampling = 2;
  Index draw = 1;

  static constexpr auto described(std::string_view tolerance_help) {
    using Params = KroneckerQuantumParams;
    return std::tuple{
        Field{"tolerance", &Params::tolerance, tolerance_help},
        Field{"oversampling", &Params::oversampling, "c of the halving steps, which keep a row with c ln(d) its score"},
        Field{"draw", &Params::draw, "which random sample; no part of the data's seed"}};
  }
};

struct KroneckerQuantumCounts : QueryCounts {
  Index features = 0;
  Index levels = 0, levels_second = 0, halving_retries = 0, halving_retries_second = 0;
  Index rows_kept = 0, rows_kept_second = 0, rows_scored = 0;
  double halving_overshoot = std::numeric_limits<double>::quiet_NaN();

  static constexpr auto fields() {
    using Counts = KroneckerQuantumCounts;
    return std::tuple_cat(
        std::tuple{Field{"features", &Counts::features, "rows of the longer of the two last samples"},
                   Field{"levels", &Counts::levels, "halvings of the rows of A1"},
                   Field{"levels-second", &Counts::levels_second, "halvings of the rows of A2"},
                   Field{"halving-retries", &Counts::halving_retries, "halving steps of A1 redone"},
                   Field{"halving-retries-second", &Counts::halving_retries_second, "halving steps of A2 redone"},
                   Field{"halving-overshoot", &Counts::halving_overshoot, halving_overshoot_help},
                   Field{"rows-kept", &Counts::rows_kept, "rows of A1 in the last sample"},
                   Field{"rows-kept-second", &Counts::rows_kept_second, "rows of A2 in the last sample"},
                   Field{"rows-scored", &Counts::rows_scored,
                         "rows of both factors whose score the simulation computed: its own cost"}},
        QueryCounts::fields());
  }

  KroneckerQuantumCounts() = default;
  KroneckerQuantumCounts(const QueryLedger& ledger, const HalvingCounts& first, const HalvingCounts& second);
  /// What the schedule needs of one factor's halving.
  HalvingCounts halving(int factor) const;
};

/// Pure; throws BadRequest that names option, bound and value.
void validate_quantum(const KroneckerQuantumParams& params);

/// Counts that a dry run should assume, for so many rows of the last samples.
KroneckerQuantumCounts expected_quantum(const KroneckerSpec& spec, const KroneckerQuantumParams& params,
                                        std::array<Index, 2> last_rows);

/// That `error` stays below the bound; nothing where halving steps may lose directions, which no law of samples knows.
Promise quantum_promise(const KroneckerSpec& spec, const KroneckerQuantumParams& params,
                        const KroneckerQuantumCounts& counts, double bound);

}  // namespace breakeven::regression
