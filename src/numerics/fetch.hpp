#pragma once

#include <hwy/base.h>

namespace breakeven {

/// Brings a line of memory to the first-level cache, and only there, so that what is read once does not drive out what
/// is read again. Anything may be at `at`, also nothing.
HWY_INLINE void fetch_once(const char* at) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  __builtin_prefetch(at, /*write=*/0, /*locality=*/0);
#else
  (void)at;
#endif
}

}  // namespace breakeven
