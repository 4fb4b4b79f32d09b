#pragma once

#include <functional>

#include "comm/communicator.hpp"

namespace breakeven {

/// Best over rounds of the seconds that `round` returns, in each the largest over ranks; one that timed nothing
/// returns 0. The rounds end when a twentieth of a second is over by the clock of any rank, all that is not timed
/// included, but not before the eighth. Collective, equal on all ranks, which do equally many rounds.
double best_round(const Communicator& comm, const std::function<double()>& round);

}  // namespace breakeven
