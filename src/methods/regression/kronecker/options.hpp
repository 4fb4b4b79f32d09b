#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/index.hpp"
#include "methods/regression/kronecker/factors.hpp"

// Options that the sampling methods of both Kronecker problems share.
namespace breakeven::regression {

/// A number of samples from a formula. Numbers beyond any memory become one that require_draws() refuses.
Index rounded_up(double count);

/// A count and a tolerance exclude each other; the tolerance lies in (0, 1).
void require_one_of(std::string_view count_option, Index count, double tolerance);

/// At least as many draws as unknowns; at most 2^40, more than any memory holds.
void require_draws(std::string_view option, Index draws, std::string_view unknowns_text, Index unknowns);

/// Rows of one factor of d columns for which the product of two sketches has the whitened error `tolerance`:
/// (1 + e)^2 = 1 + tolerance with e = 2 sqrt(d / rows).
Index rows_for_whitened_error(Index d, double tolerance);

/// Rows of each factor for which regression on them has the mean excess `tolerance` at worst: the smallest k with
/// (1 + d/k)(1 + d2/k) <= 1 + tolerance, and d + d2 more, as a Gaussian sketch of k rows loses d of them.
Index rows_for_excess(Index d, Index d2, double tolerance);

/// saving_note() of a sample of each factor. One factor that got smaller is a saving.
std::string saving_note_of_factors(const KroneckerSpec& spec, std::array<Index, 2> kept);
/// saving_note() of a sample of the product's n n2 rows.
std::string saving_note_of_pairs(const KroneckerSpec& spec, Index pairs);

}  // namespace breakeven::regression
