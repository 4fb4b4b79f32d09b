#include "study/cause.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace breakeven {
namespace {

std::string cause_of(std::initializer_list<const char*> lines) {
  Cause cause;
  for (const char* line : lines) cause.absorb(line);
  return cause.text();
}

TEST(CauseTest, NamesRankAndHostOfADeadProcess) {
  EXPECT_EQ(cause_of({"Primary job  terminated normally, but 1 process returned",
                      "mpiexec noticed that process rank 1 with PID 713 on node be-h2 exited on signal 9 (Killed)."}),
            "rank 1 on be-h2 exited on signal 9 (Killed)");
  EXPECT_EQ(cause_of({"srun: error: be-n2: task 1: Killed"}), "rank 1 on be-n2: Killed");
}

TEST(CauseTest, NamesTheHostThatWasLost) {
  EXPECT_EQ(cause_of({"ORTE has lost communication with a remote daemon.", "",
                      "  HNP daemon   : [[27580,0],0] on node vm", "  Remote daemon: [[27580,0],2] on node be-h2"}),
            "the connection to be-h2 was lost");
  EXPECT_EQ(cause_of({"ssh: connect to host be-h2 port 22: No route to host", "  target node:  be-h3"}),
            "connect to host be-h2 port 22: No route to host");
  EXPECT_EQ(cause_of({"  my node:   vm", "  target node:  be-h2"}), "no way to reach be-h2");
  EXPECT_EQ(cause_of({"srun: error: Node failure on be-n2"}), "Node failure on be-n2");
  constexpr const char* unnamed = "ORTE was unable to reliably start one or more daemons.";
  EXPECT_EQ(cause_of({unnamed}), "a host was lost, or did not start its ranks");
  EXPECT_EQ(cause_of({"Connection to be-h2 closed by remote host.", unnamed}), "the connection to be-h2 was lost");
}

TEST(CauseTest, PrefersWhatTellsMore) {
  constexpr const char* killed =
      "mpiexec noticed that process rank 1 with PID 9 on node a exited on signal 9 (Killed).";
  EXPECT_EQ(cause_of({"  Peer host:  b", killed, "  Peer host:  c"}), "rank 1 on a exited on signal 9 (Killed)");
  EXPECT_EQ(cause_of({killed, "breakeven: ring took longer than 5 s; raise --timeout"}),
            "ring took longer than 5 s; raise --timeout");
  EXPECT_EQ(cause_of({"[rank 2/3] no memory", killed}), "[rank 2/3] no memory");
  EXPECT_EQ(cause_of({"[rank 2/3] first", "[rank 0/3] second"}), "[rank 2/3] first");
}

TEST(CauseTest, IsSilentWhereNothingTold) {
  EXPECT_EQ(cause_of({"something happened", ""}), "");
  EXPECT_EQ(cause_of({std::string(100000, 'x').c_str()}), "");
}

}  // namespace
}  // namespace breakeven
