#pragma once

#include <cstddef>

namespace breakeven {

/// Memory for large arrays: begins on a cache line; from 2 MiB up on a huge page, which the system is asked to use. A
/// first touch costs a page fault, and one of 2 MiB is far cheaper than 512 of 4 KiB: set-up times are made of these.
/// From 2 MiB up, up to 64 MiB of freed arrays are kept for the next of their size, so that the temporaries of a run()
/// that is repeated cost no page faults. Throws std::bad_alloc. free_array() must be given the same size.
void* allocate_array(std::size_t bytes);
void free_array(void* memory, std::size_t bytes) noexcept;
/// Gives back what is kept, so that it counts for nobody's peak.
void release_freed_arrays() noexcept;

}  // namespace breakeven
