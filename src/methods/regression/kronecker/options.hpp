#pragma once

#include <string_view>

#include "base/index.hpp"

// Options that the sampling methods of both Kronecker problems share.
namespace breakeven::regression {

/// A number of samples from a formula. Numbers beyond any memory become one that require_draws() refuses.
Index rounded_up(double count);

/// A count and a tolerance exclude each other; the tolerance is positive and finite.
void require_one_of(std::string_view count_option, Index count, double tolerance);

/// At least as many draws as unknowns; at most 2^40, more than any memory holds.
void require_draws(std::string_view option, Index draws, std::string_view unknowns_text, Index unknowns);

}  // namespace breakeven::regression
