#pragma once

#include "comm/communicator.hpp"

namespace breakeven {

/// Seconds that a message of `bytes` bytes takes from rank `a` to rank `b`: half of the best round trip. Collective,
/// equal on all ranks; the others wait. Not counted: it belongs to no method. `a` and `b` differ.
double ping_pong(const Communicator& comm, int a, int b, Index bytes);

}  // namespace breakeven
