// Speed of the exact-attention loops on one core, without MPI: GF/s, and the share of the multiply-add peak that is
// timed before and after each case in the same process. Usage: attention_kernel [seconds per case, default 0.5]
// [instruction set]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/stopwatch.hpp"
#include "numerics/cpu.hpp"
#include "numerics/online_softmax.hpp"
#include "random_rows.hpp"

namespace {

using breakeven::AlignedVector;
using breakeven::Index;

/// Best time of one attention over n queries and keys: start, absorb, finish.
template <class T>
double best_seconds(Index n, Index d, bool causal, double seconds) {
  const AlignedVector<T> queries = breakeven::normal_rows<T>(n, d, 0), keys = breakeven::normal_rows<T>(n, d, 1),
                         values = breakeven::normal_rows<T>(n, d, 2);
  AlignedVector<T> outputs(static_cast<std::size_t>(n * d));
  const breakeven::SoftmaxShape shape{d, d, 1 / std::sqrt(static_cast<double>(d)), causal,
                                      breakeven::SoftmaxMaximum::running};
  breakeven::OnlineSoftmax<T> state(shape, n);
  breakeven::SoftmaxWorkspace<T> workspace(shape, n);
  double best = 1e300;
  const breakeven::Stopwatch all;
  do {
    const breakeven::Stopwatch watch;
    state.start({queries.data(), n, 0});
    state.absorb({keys.data(), values.data(), n, 0}, workspace);
    state.finish(outputs.data());
    best = std::min(best, watch.seconds());
  } while (all.seconds() < seconds);
  return best;
}

template <class T>
void report(const char* dtype, double seconds) {
  constexpr Index n = 4096;
  for (const bool causal : {false, true})
    for (const Index d : {8, 16, 64, 128}) {
      const double before = breakeven::fma_peak_flops<T>(0.1);
      const double time_s = best_seconds<T>(n, d, causal, seconds);
      const double peak = std::max(before, breakeven::fma_peak_flops<T>(0.1));
      const double flops = 4.0 * n * n * static_cast<double>(d) * (causal ? 0.5 : 1.0);
      std::printf("%-5s %-6s %5lld %9.2f %8.1f %8.1f %6.1f\n", dtype, causal ? "causal" : "full",
                  static_cast<long long>(d), time_s * 1e3, flops / time_s * 1e-9, peak * 1e-9,
                  100 * flops / time_s / peak);
      std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  std::optional<breakeven::SimdTargetScope> scope;
  if (argc > 2) scope.emplace(argv[2]);
  std::printf("target %s\n", std::string(breakeven::simd_target()).c_str());
  std::printf("dtype mask       d        ms     GF/s     peak      %%\n");
  report<float>("f32", seconds);
  report<double>("f64", seconds);
}
