#include "base/memory.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <vector>

namespace breakeven {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

/// Bytes that somebody has asked the C library for and not given back.
std::size_t in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Memory, FreedArraysServeTheNextOfTheirSize) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address sanitizer gets freed memory back";
#endif
  release_freed_arrays();
  void* const large = allocate_array(3 * mib + 5);
  void* const larger = allocate_array(9 * mib);
  free_array(large, 3 * mib + 5);
  free_array(larger, 9 * mib);
  void* const other = allocate_array(5 * mib);  // fits into the one of 9, which is for its own size
  EXPECT_NE(other, larger);
  EXPECT_EQ(allocate_array(9 * mib), larger);
  EXPECT_EQ(allocate_array(3 * mib + 5), large);
  for (const auto& [memory, bytes] : {std::pair{large, 3 * mib + 5}, {larger, 9 * mib}, {other, 5 * mib}})
    free_array(memory, bytes);
  release_freed_arrays();
}

TEST(Memory, KeepsNoMoreThan64MiBAndNothingWhenAsked) {
  release_freed_arrays();
  const std::size_t before = in_use();
  if (before == 0) GTEST_SKIP() << "the heap of a sanitizer keeps no account";
  std::vector<void*> arrays;
  for (int k = 0; k < 20; ++k) arrays.push_back(allocate_array(6 * mib));
  EXPECT_GE(in_use() - before, 120 * mib);
  for (void* const memory : arrays) free_array(memory, 6 * mib);
  EXPECT_LE(in_use() - before, 64 * mib);
  EXPECT_GE(in_use() - before, 60 * mib);
  EXPECT_EQ(allocate_array(6 * mib), arrays.back()) << "the last one is the warmest";
  free_array(arrays.back(), 6 * mib);
  void* const huge = allocate_array(80 * mib);  // larger than all that may be kept
  free_array(huge, 80 * mib);
  EXPECT_LE(in_use() - before, 64 * mib);
  release_freed_arrays();
  EXPECT_LE(in_use() - before, mib) << "but for the bookkeeping of the heap";
}

}  // namespace
}  // namespace breakeven
