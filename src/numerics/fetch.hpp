#pragma once

#include <hwy/base.h>

#include "base/index.hpp"

namespace breakeven {

/// Bytes of a cache line.
inline constexpr Index line_bytes = 64;

/// Asks for a line that is read later, into the second-level cache. Anything may be at `at`, also nothing.
HWY_INLINE void fetch_into_second_level(const char* at) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  __builtin_prefetch(at, /*write=*/0, /*locality=*/2);
#else
  (void)at;
#endif
}

/// Whether what is read once should pass the second-level cache by, so that it does not drive out what is read again.
/// It pays on AMD's processors; on Intel's, where few lines can be on their way to the first level at a time, it halves
/// the bandwidth of a core: docs/performance.md.
extern const bool fetch_past_second_level;

/// The same for a line that is read soon, and once.
HWY_INLINE void fetch_ahead(const char* at) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  if (fetch_past_second_level) return __builtin_prefetch(at, /*write=*/0, /*locality=*/0);
#endif
  fetch_into_second_level(at);
}

}  // namespace breakeven
