#pragma once

#include <cstddef>

namespace breakeven {

/// Memory for large arrays: begins on a cache line; from 2 MiB up on a huge page, which the system is asked to use. A
/// first touch costs a page fault, and one of 2 MiB is far cheaper than 512 of 4 KiB: set-up times are made of these.
/// Throws std::bad_alloc. free_array() must be given the same size.
void* allocate_array(std::size_t bytes);
void free_array(void* memory, std::size_t bytes) noexcept;

}  // namespace breakeven
