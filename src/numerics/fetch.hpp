#pragma once

#include <hwy/base.h>

namespace breakeven {

/// Whether what is read once should pass the second-level cache by, so that it does not drive out what is read again.
/// It pays on AMD's processors; on Intel's, where few lines can be on their way to the first level at a time, it halves
/// the bandwidth of a core: docs/performance.md.
extern const bool fetch_past_second_level;

/// Asks for a line of memory that is read soon, and once. Anything may be at `at`, also nothing.
HWY_INLINE void fetch_ahead(const char* at) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  if (fetch_past_second_level)
    __builtin_prefetch(at, /*write=*/0, /*locality=*/0);
  else
    __builtin_prefetch(at, /*write=*/0, /*locality=*/2);
#else
  (void)at;
#endif
}

}  // namespace breakeven
