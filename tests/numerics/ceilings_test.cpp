#include "numerics/ceilings.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "numerics/cpu.hpp"

namespace breakeven {
namespace {

// No clock is asserted here beyond what no machine of the last twenty years misses: units and counts, not speed.

TEST(Ceilings, ArePlausible) {
  EXPECT_GT(product_flops<float>(0.01), 1e8);
  EXPECT_GT(product_flops<double>(0.01), 1e8);
  EXPECT_GT(read_bandwidth(0.01, 1 << 24), 1e7);
  EXPECT_GT(triad_bandwidth(0.01, 1 << 24), 1e7);
  EXPECT_GT(xor_popcount_bits(0.01), 1e8);
  EXPECT_GT(timer_resolution(), 0);
  EXPECT_LT(timer_resolution(), 1e-3);
}

TEST(Ceilings, OfMemoryAreMeasuredBeyondTheCaches) {
  const Index alone = bytes_beyond_caches(1), many = bytes_beyond_caches(1 << 20);
  EXPECT_GE(alone, many);
  EXPECT_GE(many, Index{1} << 27);
#ifdef _SC_LEVEL3_CACHE_SIZE
  EXPECT_GE(alone, 2 * sysconf(_SC_LEVEL3_CACHE_SIZE));
#endif
}

TEST(Ceilings, OfTheProductIsBelowThatOfItsMultiplyAdds) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "our loop is instrumented, the BLAS library is not";
#endif
  // Twice: the two are measured one after the other, and the clock may change in between.
  EXPECT_LT(product_flops<float>(0.05), 2 * fma_peak_flops<float>(0.05));
}

}  // namespace
}  // namespace breakeven
