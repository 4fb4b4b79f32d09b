#include "comm/best_round.hpp"

#include <gtest/gtest.h>

#include "base/stopwatch.hpp"

namespace breakeven {
namespace {

TEST(BestRound, EndsAtTheEighthWhenWhatIsNotTimedTakesLong) {
  const Communicator comm = Communicator::world();
  Index rounds = 0;
  const double best = best_round(comm, [&] {
    const Stopwatch watch;
    while (watch.seconds() < 0.007) {  // eight of these are more than the twentieth of a second, seven are less
    }
    ++rounds;
    return 1e-9 * static_cast<double>(comm.rank() + 10 - std::min<Index>(rounds, 5));
  });
  EXPECT_EQ(rounds, 8);
  EXPECT_EQ(best, 1e-9 * static_cast<double>(comm.size() - 1 + 5));  // the slowest rank's
}

}  // namespace
}  // namespace breakeven
