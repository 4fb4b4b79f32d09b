#include "numerics/fetch_queue.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace breakeven {
namespace {

constexpr Index line = line_bytes;

void add_lines(const FetchQueue::Stretch& stretch, std::vector<const char*>& lines) {
  for (Index byte = 0; byte < stretch.bytes; byte += line)
    lines.push_back(static_cast<const char*>(stretch.begin) + byte);
}

TEST(FetchQueue, AsksForEveryLineOnceInOrderWithinTheSteps) {
  const std::vector<char> memory(200 * line);
  const char* const begin = memory.data();
  // Bytes of four stretches: none, a part of a line, whole lines, one byte more; and nothing at all.
  for (const auto& bytes :
       {std::array<Index, 4>{0, 1, 8 * line, 100 * line + 1}, {5 * line, 0, 0, line}, {0, 0, 0, 0}}) {
    std::array<FetchQueue::Stretch, 4> stretches;
    std::vector<const char*> expected;
    const char* at = begin;
    for (std::size_t s = 0; s < 4; ++s) {
      stretches[s] = {at, bytes[s]};
      for (Index byte = 0; byte < bytes[s]; byte += line) expected.push_back(at + byte);
      at += (bytes[s] + line - 1) / line * line;
    }
    for (const Index steps :
         {5, 6, 50, 1000}) {  // as few as four ends of stretches allow, few, a line or two each, many
      FetchQueue queue(stretches);
      queue.pace(steps);
      std::vector<const char*> asked;
      for (Index step = 0; step < steps; ++step) add_lines(queue.take(), asked);
      EXPECT_EQ(asked, expected) << steps << " steps";
    }
  }
}

TEST(FetchQueue, TakesFewLinesAtATime) {
  const std::vector<char> memory(1000 * line);
  FetchQueue queue({FetchQueue::Stretch{memory.data(), 1000 * line}});
  queue.pace(504);
  Index most = 0;
  for (int step = 0; step < 504; ++step) most = std::max(most, queue.take().bytes / line);
  EXPECT_EQ(most, 2);  // 1000 lines in the 500 steps beside the ends of four stretches
}

TEST(FetchQueue, GoesOnWhereItStoppedAfterAnotherPace) {
  const std::vector<char> memory(10 * line);
  FetchQueue queue({FetchQueue::Stretch{memory.data(), 10 * line}});
  queue.pace(14);
  std::vector<const char*> asked;
  add_lines(queue.take(), asked);
  queue.pace(1);
  add_lines(queue.take(), asked);
  ASSERT_EQ(asked.size(), 10u);
  for (Index i = 0; i < 10; ++i) EXPECT_EQ(asked[static_cast<std::size_t>(i)], memory.data() + i * line);
}

}  // namespace
}  // namespace breakeven
