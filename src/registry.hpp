#pragma once

#include "harness/registry.hpp"

namespace breakeven {

/// The list of all problems and methods.
const Registry& registry();

}  // namespace breakeven
