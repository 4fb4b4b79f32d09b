#include "results/commands.hpp"

#include <gtest/gtest.h>

namespace breakeven {
namespace {

TEST(JoinedCommands, AreOneWhereOnlyTheLaunchDiffers) {
  EXPECT_EQ(joined_commands({"attention --n 8 --launch=2 --quiet", "attention --n 8 --launch=10 --quiet",
                             "attention --n 8 --launch=0 --quiet", "attention --n 8 --launch=2 --quiet"}),
            "attention --n 8 --launch=0,2,10 --quiet");
  EXPECT_EQ(joined_commands({"attention --launch 1", "attention --launch 0"}), "attention --launch 0,1");
}

TEST(JoinedCommands, KeepEveryOtherDifference) {
  EXPECT_EQ(joined_commands({"attention --n 8 --launch=0", "attention --n 16 --launch=0", "attention --n 8"}),
            "attention --n 8 --launch=0 | attention --n 16 --launch=0 | attention --n 8");
}

TEST(JoinedCommands, LeaveAloneWhatIsNoLaunch) {
  EXPECT_EQ(joined_commands({"attention --launch=all", "attention --launch=all"}), "attention --launch=all");
  EXPECT_EQ(joined_commands({"attention --launch="}), "attention --launch=");
  EXPECT_EQ(joined_commands({}), "");
}

}  // namespace
}  // namespace breakeven
