#include <gtest/gtest.h>

#include <algorithm>
#include <boost/mpi/environment.hpp>
#include <cstdio>

#include "support/on_ranks.hpp"

// One launch runs all cases; rank 0 prints as usual, the others only their failures, and any failure fails the launch.
namespace {

class FailuresOnly : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOnly(int rank) : rank_(rank) {}
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "[rank %d] %s:%d: %s\n", rank_, result.file_name() ? result.file_name() : "?",
                   result.line_number(), result.message());
  }

 private:
  int rank_;
};

}  // namespace

int main(int argc, char** argv) {
  const boost::mpi::environment environment(argc, argv, boost::mpi::threading::funneled);
  testing::InitGoogleTest(&argc, argv);
  const breakeven::Communicator world = breakeven::Communicator::world();
  if (!world.is_root()) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly(world.rank()));
  }
  const int mine = RUN_ALL_TESTS();
  return world.all_reduce(mine, breakeven::Reduction::maximum);
}
