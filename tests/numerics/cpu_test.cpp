#include "numerics/cpu.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.hpp"
#include "numerics/fetch.hpp"

namespace breakeven {
namespace {

TEST(SimdTarget, IsTheBestOfThoseThatRunHere) {
  ASSERT_FALSE(simd_targets().empty());
  EXPECT_EQ(simd_target(), simd_targets().front());
}

TEST(SimdTarget, IsConfinedWhileTheScopeLasts) {
  const std::vector<std::string> all = simd_targets();
  for (const std::string& target : all) {
    const SimdTargetScope scope(target);
    EXPECT_EQ(simd_target(), target);
  }
  EXPECT_EQ(simd_targets(), all);
}

TEST(SimdTarget, ThatCountsBitsIsAVX3ForTheOthers) {
  const std::vector<std::string> bits = bit_simd_targets(), all = simd_targets();
  EXPECT_TRUE(std::equal(all.rbegin(), all.rend(), bits.rbegin())) << "the others follow it";
  if (bits == all) GTEST_SKIP() << "this processor has none";
  const SimdTargetScope scope(bits.front());
  EXPECT_EQ(simd_target(), all.front());
  EXPECT_EQ(bit_simd_targets(), bits);
}

TEST(SimdTarget, RefusesNamesThatDoNotRunHere) {
  EXPECT_THROW(SimdTargetScope("MMX"), Failure);
}

TEST(FetchAhead, PassesTheSecondLevelByOnAMDAlone) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  const std::string text{std::istreambuf_iterator<char>(cpuinfo), {}};
  if (text.find("vendor_id") == std::string::npos) GTEST_SKIP() << "this kernel names no vendor";
  EXPECT_EQ(fetch_past_second_level, text.find("AuthenticAMD") != std::string::npos);
}

TEST(FmaPeak, CountsTheLanes) {
  // A vector holds twice as many floats as doubles. Only that much: other processes share the core.
  if (simd_target() == "SCALAR") GTEST_SKIP() << "one lane of either";
  EXPECT_GT(fma_peak_flops<float>(0.1), 1.2 * fma_peak_flops<double>(0.1));
}

}  // namespace
}  // namespace breakeven
