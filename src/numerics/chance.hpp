#pragma once

#include "base/index.hpp"

namespace breakeven {

/// Probability that two uniform rows of n_bits differ in at most `distance` of them: the binomial distribution of a
/// fair coin. Pure, O(sqrt(n_bits)) for all but the unlikeliest distances.
double chance_of_distance(Index n_bits, Index distance);

/// The least t such that at most t of `marked` of n_bits places are among `drawn` ones, drawn without replacement, with
/// probability at least `share`: the quantile of the hypergeometric distribution. A share of 1 asks for certainty.
/// Pure, O(t). Needs 0 <= marked, drawn <= n_bits and 0 < share <= 1.
Index most_among_drawn(Index n_bits, Index marked, Index drawn, double share);

/// Probability that at most t of `marked` of n_bits places are among `drawn` ones, drawn without replacement. Pure,
/// O(t).
double chance_among_drawn(Index n_bits, Index marked, Index drawn, Index t);

}  // namespace breakeven
