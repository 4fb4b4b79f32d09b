#include <gtest/gtest.h>

#include <vector>

#include "numerics/online_softmax.hpp"
#include "support/counted_allocations.hpp"

namespace breakeven {
namespace {

template <class T>
class OnlineSoftmaxMemory : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(OnlineSoftmaxMemory, Types);

TYPED_TEST(OnlineSoftmaxMemory, IsWhatBytesSays) {
  using T = TypeParam;
  for (const Index n : {0, 1, 49,              // none, one padded panel, one row too many
                        1400, 5000})           // more than a stretch, read in place at d = 8 and 1 only
    for (const Index d : {1, 8, 65, 40000}) {  // padded, whole, one column too many, keys longer than the cache
      if (n * d > 3'000'000) continue;
      const SoftmaxShape shape{d, d + 1, 1.0, false, SoftmaxMaximum::running};
      std::size_t before = allocated_array_bytes();
      const SoftmaxWorkspace<T> workspace(shape, n);
      EXPECT_EQ(allocated_array_bytes() - before, static_cast<std::size_t>(SoftmaxWorkspace<T>::bytes(shape, n)))
          << n << " " << d;
      before = allocated_array_bytes();
      const OnlineSoftmax<T> state(shape, n);
      EXPECT_EQ(allocated_array_bytes() - before, static_cast<std::size_t>(OnlineSoftmax<T>::bytes(shape, n)))
          << n << " " << d;
    }
}

TYPED_TEST(OnlineSoftmaxMemory, IsNotAllocatedAfterConstruction) {
  using T = TypeParam;
  const std::vector<T> rows(600 * 64, T(0.5));
  std::vector<T> outputs(600 * 64);
  const SoftmaxShape shape{64, 64, 1.0, true, SoftmaxMaximum::running};
  OnlineSoftmax<T> state(shape, 600);
  SoftmaxWorkspace<T> workspace(shape, 600);
  const std::size_t before = allocations();
  state.start({rows.data(), 600, 0});
  state.absorb({rows.data(), rows.data(), 600, 0}, workspace);
  state.finish(outputs.data());
  state.attend({rows.data(), 600, 0}, {rows.data(), rows.data(), 600, 0}, workspace, outputs.data());
  EXPECT_EQ(allocations(), before);
  EXPECT_GT(before, 0U);
}

}  // namespace
}  // namespace breakeven
