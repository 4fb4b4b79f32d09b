#pragma once

#include <hwy/base.h>

namespace breakeven {

/// Asks for a line of memory that is read soon. Anything may be at `at`, also nothing.
/// It goes to the second-level cache. A prefetch that passes that cache by (locality 0), so that what is read once does
/// not drive out what is read again, halves the bandwidth of one core where few lines can be on their way to the first
/// level: docs/performance.md.
HWY_INLINE void fetch_ahead(const char* at) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  __builtin_prefetch(at, /*write=*/0, /*locality=*/2);
#else
  (void)at;
#endif
}

}  // namespace breakeven
