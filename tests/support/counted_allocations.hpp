#pragma once

#include <cstddef>

namespace breakeven {

/// Bytes that the aligned operator new has handed out, on which base/array.hpp rests.
std::size_t allocated_array_bytes();
/// Calls of any operator new.
std::size_t allocations();

}  // namespace breakeven
