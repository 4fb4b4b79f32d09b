#include "numerics/amplitudes.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "base/philox.hpp"

namespace breakeven {
namespace {

// none, fewer than lanes, a block less one, a block, a block and a lane more, several blocks and a rest
constexpr Index sizes[] = {0, 1, 7, 1023, 1024, 1032, 5003};

template <class T>
std::vector<T> normals(Index n, std::uint32_t stream) {
  const Philox random(1, Stream{stream});
  std::vector<T> values(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = static_cast<T>(random.normal(i));
  return values;
}

template <class T>
class Amplitudes : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(Amplitudes, Scalars);

TYPED_TEST(Amplitudes, AreReflectedAndSummedAtEverySize) {
  using T = TypeParam;
  for (const Index n : sizes) {
    const std::vector<T> before = normals<T>(n, 1), start = normals<T>(n, 2);
    std::vector<T> about_mean = before, about_start = before;
    const T twice = T(0.75);
    const double sum = reflect_about_mean(about_mean.data(), n, twice);
    const double overlap = reflect_about(start.data(), about_start.data(), n, twice, T(-1));
    long double expected_sum = 0, expected_overlap = 0, squares = 0, sum_size = 0, overlap_size = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(about_mean[i], twice - before[i]);
      EXPECT_NEAR(about_start[i], -(twice * start[i] - before[i]), 4 * std::numeric_limits<T>::epsilon());
      expected_sum += about_mean[i];
      expected_overlap += static_cast<long double>(start[i]) * about_start[i];
      squares += static_cast<long double>(before[i]) * before[i];
      sum_size += std::abs(about_mean[i]);
      overlap_size += std::abs(start[i] * about_start[i]);
    }
    const double roundings = static_cast<double>(amplitude_sum_roundings(n)) * 0x1p-53;
    EXPECT_NEAR(sum, static_cast<double>(expected_sum), roundings * static_cast<double>(sum_size)) << n;
    EXPECT_NEAR(overlap, static_cast<double>(expected_overlap), 2 * roundings * static_cast<double>(overlap_size)) << n;
    EXPECT_NEAR(squared_amplitudes(before.data(), n), static_cast<double>(squares),
                2 * roundings * static_cast<double>(squares))
        << n;
  }
}

}  // namespace
}  // namespace breakeven
