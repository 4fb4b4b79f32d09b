#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "comm/communicator.hpp"

namespace breakeven::testing_support {

/// Runs a test body on the first P ranks of one launch, P the test's parameter. The other ranks wait at the end, so
/// that every rank runs the same tests in the same order. Between collectives use EXPECT_, never ASSERT_: a rank that
/// leaves early would make the others' calls pair with the wrong ones.
class OnRanks : public testing::TestWithParam<int> {
 protected:
  void on_ranks(const std::function<void(const Communicator&)>& body) {
    const Communicator world = Communicator::world();
    if (world.size() < GetParam()) GTEST_SKIP() << "launched on " << world.size() << " ranks";
    const std::optional<Communicator> comm = world.first(GetParam());
    try {
      if (comm) body(*comm);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "rank " << world.rank() << " of " << GetParam() << " threw: " << error.what();
    }
    world.barrier();  // also after an error, lest the others wait for this rank until the time limit
  }
};

/// The rank counts of the contract: one, even, odd, a power of two, a prime with uneven blocks.
inline auto contract_ranks() {
  return testing::Values(1, 2, 3, 4, 7);
}

inline std::string rank_count_name(const testing::TestParamInfo<int>& info) {
  return "P" + std::to_string(info.param);
}

}  // namespace breakeven::testing_support
