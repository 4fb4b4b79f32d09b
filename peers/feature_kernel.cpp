// Speed of the loops of attention through features on one core, without MPI: microseconds for n tokens, and the share
// of the multiply-add peak that is timed before and after each case in the same process. Ranges: what is read off the
// data before (norms of queries and keys, extremes of the values). Usage: feature_kernel [seconds per loop, default
// 0.3] [instruction set, or best] [n, default 8192]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/stopwatch.hpp"
#include "numerics/cpu.hpp"
#include "numerics/feature_kernel.hpp"
#include "numerics/row_extent.hpp"
#include "random_rows.hpp"

namespace {

using breakeven::AlignedVector;
using breakeven::Index;

template <class T>
AlignedVector<T> uniform_rows(Index n, Index d, std::uint32_t stream) {
  return breakeven::random_rows<T>(
      n, d, stream, [](const breakeven::Philox& random, Index i, Index p) { return 2 * random.uniform(i, p) - 1; });
}

struct Times {
  double ranges_s = 1e300, accumulate_s = 1e300, apply_s = 1e300, together_s = 1e300;
};

/// The three loops in turns, best time of each and of all three one after the other.
template <class T>
Times best_times(Index n, Index d, Index degree, double seconds) {
  const AlignedVector<T> queries = uniform_rows<T>(n, d, 0), keys = uniform_rows<T>(n, d, 1),
                         values = uniform_rows<T>(n, d, 2);
  AlignedVector<T> outputs(static_cast<std::size_t>(n * d)), denominators(static_cast<std::size_t>(n));
  breakeven::FeatureKernel<T> kernel(d, degree, d, false);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()));
  AlignedVector<T> weighted(state.size());
  std::vector<double> highest(static_cast<std::size_t>(d)), lowest(static_cast<std::size_t>(d));
  volatile double kept = 0;
  Times best;
  const breakeven::Stopwatch all;
  do {
    std::fill(state.begin(), state.end(), 0.0);
    const breakeven::Stopwatch watch;
    kept = breakeven::largest_squared_norm<T>(queries.data(), n, d) +
           breakeven::largest_squared_norm<T>(keys.data(), n, d);
    breakeven::raise_to_columns<T>(values.data(), n, d, highest, lowest);
    const double ranges_s = watch.seconds();
    kernel.accumulate(keys.data(), values.data(), n, state);
    std::copy(state.begin(), state.end(), weighted.begin());
    const double accumulated_s = watch.seconds();
    kernel.apply(queries.data(), n, weighted, outputs.data(), denominators.data());
    const double together_s = watch.seconds();
    best = {std::min(best.ranges_s, ranges_s), std::min(best.accumulate_s, accumulated_s - ranges_s),
            std::min(best.apply_s, together_s - accumulated_s), std::min(best.together_s, together_s)};
  } while (all.seconds() < seconds);
  static_cast<void>(kept);
  return best;
}

template <class T>
void report(const char* dtype, Index n, double seconds) {
  struct Case {
    Index d, degree;
  };
  for (const auto& [d, degree] : {Case{8, 3}, Case{8, 4}, Case{16, 3}, Case{16, 4}}) {
    const double before = breakeven::fma_peak_flops<T>(0.1);
    const Times times = best_times<T>(n, d, degree, seconds);
    const double peak = std::max(before, breakeven::fma_peak_flops<T>(0.1));
    const double flops = breakeven::FeatureKernel<T>::apply_flops(d, degree, d, n);
    std::printf("%-5s %3lld %6lld %6.0f %8.1f %9.1f %6.1f %9.1f %6.1f %9.1f %6.1f\n", dtype, static_cast<long long>(d),
                static_cast<long long>(degree), flops / static_cast<double>(n * (2 * d + 3)), times.ranges_s * 1e6,
                times.accumulate_s * 1e6, 100 * flops / times.accumulate_s / peak, times.apply_s * 1e6,
                100 * flops / times.apply_s / peak, times.together_s * 1e6, 200 * flops / times.together_s / peak);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.3;
  std::optional<breakeven::SimdTargetScope> scope;
  if (argc > 2 && std::string(argv[2]) != "best") scope.emplace(argv[2]);
  const Index n = argc > 3 ? std::atoll(argv[3]) : 8192;
  std::printf("target %s, n = %lld, times in us, shares of the multiply-add peak in %%\n",
              std::string(breakeven::simd_target()).c_str(), static_cast<long long>(n));
  std::printf("dtype   d degree      t   ranges      keys      %%   queries      %%  together      %%\n");
  report<float>("f32", n, seconds);
  report<double>("f64", n, seconds);
}
