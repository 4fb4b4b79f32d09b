#pragma once

#include <string_view>

#include "base/array.hpp"

namespace breakeven::regression {

/// What problems say of the sample B_0 that the halving of a matrix A ended with.
inline constexpr std::string_view halving_error_help =
    "whitened error |R^-T B'B R^-1 - I|_2 of the sample B that repeated halving of A = QR ended with; of two factors "
    "the "
    "larger one; method quantum";

/// |R^-T S'S R^-1 - I|_2 for upper triangles R and S (d x d): the smallest eps with (1 - eps) R'R <= S'S <= (1 + eps)
/// R'R. Infinity if an entry is not finite. Local, O(d^3).
double whitened_error(const Array<double>& s, const Array<double>& r);

}  // namespace breakeven::regression
