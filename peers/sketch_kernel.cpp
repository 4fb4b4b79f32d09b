// Speed of the passes over rows and of the sketches on one core, without MPI: seconds, GB/s of the matrix A (read
// once), the share of the read bandwidth measured in the same process, and what the same costs in plain BLAS. Usage:
// sketch_kernel [rounds, default 10] [f64 | f32] [instruction set] A round runs every operation once, so that all see
// the same drifts of the machine; the best of all rounds counts.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/array.hpp"
#include "base/philox.hpp"
#include "base/stopwatch.hpp"
#include "numerics/blas.hpp"
#include "numerics/ceilings.hpp"
#include "numerics/cpu.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/sketch.hpp"

namespace {

using breakeven::AlignedVector;
using breakeven::Index;
using breakeven::Sketch;
using breakeven::SketchKind;

template <class T>
AlignedVector<T> zeros(Index count) {
  return AlignedVector<T>(static_cast<std::size_t>(count));
}

/// Normal entries, a mebibyte of them over and over: no time depends on them.
template <class T>
AlignedVector<T> filled(Index count) {
  constexpr Index period = Index{1} << 17;
  const breakeven::Philox random(1, breakeven::Stream{0});
  AlignedVector<T> x = zeros<T>(count);
  for (Index i = 0; i < count; ++i)
    x[static_cast<std::size_t>(i)] =
        i < period ? static_cast<T>(random.normal(i)) : x[static_cast<std::size_t>(i - period)];
  return x;
}

void gemv(CBLAS_TRANSPOSE transposed, int rows, int d, const double* a, const double* x, double* y) {
  cblas_dgemv(CblasRowMajor, transposed, rows, d, 1, a, d, x, 1, 0, y, 1);
}
void gemv(CBLAS_TRANSPOSE transposed, int rows, int d, const float* a, const float* x, float* y) {
  cblas_sgemv(CblasRowMajor, transposed, rows, d, 1, a, d, x, 1, 0, y, 1);
}

struct Timed {
  const char* name;
  Index n_rhs;
  std::function<void()> run;
  double best_s = 1e300;
};

template <class T>
struct Bench {
  Index n, d;
  AlignedVector<T> a = filled<T>(n * d), b = filled<T>(n * Index{10}), x = filled<T>(d * d), u = filled<T>(n),
                   product = zeros<T>(n), gradient = zeros<T>(d * 10), sketched = zeros<T>(4 * d * d);
  std::vector<double> squares = std::vector<double>(10);
  std::vector<Timed> operations{};

  void add(const char* name, Index n_rhs, std::function<void()> run) {
    operations.push_back({name, n_rhs, std::move(run)});
  }

  void add_passes() {
    const int rows = static_cast<int>(n), columns = static_cast<int>(d);
    add("2 gemv (BLAS)", 1, [this, rows, columns] {
      gemv(CblasNoTrans, rows, columns, a.data(), x.data(), product.data());
      gemv(CblasTrans, rows, columns, a.data(), product.data(), gradient.data());
    });
    for (const Index n_rhs : {1, 2, 4, 10})
      add("residual_pass", n_rhs, [this, n_rhs] {
        breakeven::residual_pass(a.data(), n, d, b.data(), n_rhs, x.data(), gradient.data(), squares.data());
      });
    add("bidiagonal_pass", 1,
        [this] { breakeven::bidiagonal_pass(a.data(), n, d, T(0.5), u.data(), T(0.01), x.data(), gradient.data()); });
    add("weighted_pass", 1, [this] { breakeven::weighted_pass(a.data(), n, d, b.data(), x.data(), gradient.data()); });
    for (const Index columns_of_x : {Index{1}, Index{10}, d})
      add("squared_row_norms", columns_of_x, [this, columns_of_x] {
        breakeven::squared_row_norms(a.data(), n, d, x.data(), columns_of_x, product.data());
      });
  }

  void add_sketch(const char* name, SketchKind kind, Index nonzeros) {
    const Sketch sketch{.kind = kind, .rows = 4 * d, .nonzeros = nonzeros, .draw = 1};
    add(name, nonzeros, [this, sketch] { sketch.add(a.data(), n, d, 0, sketched.data()); });
  }

  void report(const char* dtype, int rounds) {
    add_passes();
    add_sketch("CountSketch", SketchKind::count, 1);
    add_sketch("OSNAP", SketchKind::osnap, 4);
    add_sketch("OSNAP", SketchKind::osnap, 8);
    double bandwidth = 0;
    for (int round = 0; round < rounds; ++round) {
      bandwidth = std::max(bandwidth, breakeven::read_bandwidth(0.2, breakeven::bytes_beyond_caches(1)));
      for (Timed& timed : operations) {
        const breakeven::Stopwatch watch;
        timed.run();
        timed.best_s = std::min(timed.best_s, watch.seconds());
      }
    }
    const double bytes = static_cast<double>(n * d) * sizeof(T), blas_s = operations.front().best_s;
    std::printf("%s n %lld d %lld, s = 4 d; read bandwidth %.1f GB/s\n", dtype, static_cast<long long>(n),
                static_cast<long long>(d), bandwidth * 1e-9);
    std::printf("%-18s %5s %9s %7s %7s %8s\n", "operation", "width", "s", "GB/s", "% read", "x 2 gemv");
    for (const Timed& timed : operations)
      std::printf("%-18s %5lld %9.5f %7.2f %7.1f %8.2f\n", timed.name, static_cast<long long>(timed.n_rhs),
                  timed.best_s, bytes / timed.best_s * 1e-9, 100 * bytes / timed.best_s / bandwidth,
                  blas_s / timed.best_s);
    std::fflush(stdout);
  }
};

template <class T>
void report(const char* dtype, int rounds) {
  Bench<T>{1000000, 64}.report(dtype, rounds);
  Bench<T>{200000, 256}.report(dtype, rounds);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 10;
  const std::string dtype = argc > 2 ? argv[2] : "f64";
  std::optional<breakeven::SimdTargetScope> scope;
  if (argc > 3) scope.emplace(argv[3]);
  breakeven::pin_blas_to_one_thread();
  std::printf("target %s, BLAS %s\n", std::string(breakeven::simd_target()).c_str(), breakeven::blas_core().c_str());
  if (dtype == "f32")
    report<float>("f32", rounds);
  else
    report<double>("f64", rounds);
}
