#include "study/machine.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace breakeven {
namespace {

TEST(CountCores, CountsHardwareThreadsOfACoreOnce) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "breakeven_cpu_topology";
  const int package_core[4][2] = {
      {0, 0}, {0, 0}, {0, 1}, {1, 0}};  // two threads of a core, its neighbour, a second socket
  for (int cpu = 0; cpu < 4; ++cpu) {
    const auto topology = folder / ("cpu" + std::to_string(cpu)) / "topology";
    std::filesystem::create_directories(topology);
    std::ofstream(topology / "physical_package_id") << package_core[cpu][0] << "\n";
    std::ofstream(topology / "core_id") << package_core[cpu][1] << "\n";
  }
  EXPECT_EQ(count_cores({0, 1, 2, 3}, folder), 3);
  EXPECT_EQ(count_cores({1}, folder), 1);
  std::filesystem::remove_all(folder);
}

TEST(CountCores, TakesACpuWithoutTopologyForACore) {
  EXPECT_EQ(count_cores({0, 1, 2}, "/nowhere"), 3);
}

TEST(CoresOfThisMachine, AreAtLeastOne) {
  EXPECT_GE(cores_of_this_machine(), 1);
}

}  // namespace
}  // namespace breakeven
