#include "numerics/fetch.hpp"

namespace breakeven {
namespace {

bool made_by_amd() {
#if HWY_ARCH_X86 && (HWY_COMPILER_GCC || HWY_COMPILER_CLANG)
  __builtin_cpu_init();
  return __builtin_cpu_is("amd");
#else
  return false;
#endif
}

}  // namespace

const bool fetch_past_second_level = made_by_amd();

}  // namespace breakeven
