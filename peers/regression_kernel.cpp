// Speed of the dense kernels of regression on one core, without MPI: TriangleQr and Gram beside the BLAS library's
// syrk, geqrf and gels on the same matrix, in turn within one process. Prints the best processor time (which other work
// on the machine disturbs less than it does the clock), GF/s of the textbook count (syrk n d^2, QR 2 n d^2), the share
// of the multiply-add peak timed before and after, and how many times faster ours are. Usage: regression_kernel
// [repetitions, default 3] [instruction set of ours]
#include <cblas.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/array.hpp"
#include "numerics/blas.hpp"
#include "numerics/cpu.hpp"
#include "numerics/gram.hpp"
#include "numerics/triangle_qr.hpp"
#include "random_rows.hpp"

extern "C" {
void sgels_(const char*, const int* m, const int* n, const int* nrhs, float* a, const int* lda, float* b,
            const int* ldb, float* work, const int* size, int* info, std::size_t);
void dgels_(const char*, const int* m, const int* n, const int* nrhs, double* a, const int* lda, double* b,
            const int* ldb, double* work, const int* size, int* info, std::size_t);
void sgeqrf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work, const int* size, int* info);
void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work, const int* size,
             int* info);
}

namespace {

using breakeven::AlignedVector;
using breakeven::Index;

int gels(int m, int n, float* a, float* b, float* work, int size) {
  const int one = 1;
  int info = 0;
  sgels_("N", &m, &n, &one, a, &m, b, &m, work, &size, &info, 1);
  return info;
}
int gels(int m, int n, double* a, double* b, double* work, int size) {
  const int one = 1;
  int info = 0;
  dgels_("N", &m, &n, &one, a, &m, b, &m, work, &size, &info, 1);
  return info;
}
int geqrf(int m, int n, float* a, float* tau, float* work, int size) {
  int info = 0;
  sgeqrf_(&m, &n, a, &m, tau, work, &size, &info);
  return info;
}
int geqrf(int m, int n, double* a, double* tau, double* work, int size) {
  int info = 0;
  dgeqrf_(&m, &n, a, &m, tau, work, &size, &info);
  return info;
}
void syrk(CBLAS_ORDER order, int n, int d, const float* a, int lda, float* c) {
  cblas_ssyrk(order, CblasUpper, CblasTrans, d, n, 1, a, lda, 0, c, d);
}
void syrk(CBLAS_ORDER order, int n, int d, const double* a, int lda, double* c) {
  cblas_dsyrk(order, CblasUpper, CblasTrans, d, n, 1, a, lda, 0, c, d);
}

void require_success(int info) {
  if (info == 0) return;
  std::fprintf(stderr, "LAPACK failed with code %d\n", info);
  std::exit(1);
}

template <class T>
AlignedVector<T> zeros(Index n) {
  return AlignedVector<T>(static_cast<std::size_t>(n));
}

/// One way to do one of the two things, with what must be made anew before each run and is not timed.
struct Contender {
  std::string name;
  double flops;
  std::string against;  ///< the contender it is compared with; empty for a library's
  std::function<void()> prepare, run;
  double best_s = 1e300;
};

template <class T>
class Comparison {
 public:
  Comparison(Index n, Index d)
      : n_(n), d_(d), rows_(breakeven::normal_rows<T>(n, d, 0)), b_(breakeven::normal_rows<T>(n, 1, 1)) {
    columns_ = zeros<T>(n * d);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < d; ++j)
        columns_[static_cast<std::size_t>(j * n + i)] = rows_[static_cast<std::size_t>(i * d + j)];
    scratch_ = zeros<T>(n * d);
    right_scratch_ = zeros<T>(n);
    weights_ = zeros<T>(n);
    for (Index i = 0; i < n; ++i) weights_[static_cast<std::size_t>(i)] = i % 3 == 0 ? T(-0.5) : T(1.5);
    gram_ = zeros<T>(d * d);
    work_ = zeros<T>(65 * d);
  }

  std::vector<Contender> contenders() {
    const double d = static_cast<double>(d_), syrk_flops = static_cast<double>(n_) * d * d;
    const int n = static_cast<int>(n_), d_int = static_cast<int>(d_), size = static_cast<int>(work_.size());
    const auto nothing = [] {};
    const auto copy = [this] {
      std::copy(columns_.begin(), columns_.end(), scratch_.begin());
      std::copy(b_.begin(), b_.end(), right_scratch_.begin());
    };
    const auto absorb = [this](auto& state, auto... more) {
      state.start();
      state.absorb(rows_.data(), b_.data(), n_, more...);
      state.packed();
    };
    return {
        {"gels", 2 * syrk_flops, "", copy,
         [=, this] { require_success(gels(n, d_int, scratch_.data(), right_scratch_.data(), work_.data(), size)); }},
        {"geqrf", 2 * syrk_flops, "", copy,
         [=, this] { require_success(geqrf(n, d_int, scratch_.data(), gram_.data(), work_.data(), size)); }},
        {"TriangleQr [A b]", 2 * syrk_flops, "gels", nothing, [=, this] { absorb(qr_); }},
        {"syrk, rows", syrk_flops, "", nothing,
         [=, this] { syrk(CblasRowMajor, n, d_int, rows_.data(), d_int, gram_.data()); }},
        {"syrk, columns", syrk_flops, "", nothing,
         [=, this] { syrk(CblasColMajor, n, d_int, columns_.data(), n, gram_.data()); }},
        {"Gram [A b]", syrk_flops, "syrk", nothing, [=, this] { absorb(with_right_); }},
        {"Gram [A b], weights", syrk_flops, "syrk", nothing, [=, this] { absorb(with_right_, weights_.data()); }},
        {"Gram A, weights", syrk_flops, "syrk", nothing, [=, this] { absorb(without_right_, weights_.data()); }},
    };
  }

 private:
  Index n_, d_;
  AlignedVector<T> rows_, b_, columns_, scratch_, right_scratch_, weights_, gram_, work_;
  breakeven::TriangleQr<T> qr_{d_, 1};
  breakeven::Gram<T> with_right_{d_, 1}, without_right_{d_, 0};
};

template <class T>
void compare(const char* dtype, Index n, Index d, int repetitions) {
  Comparison<T> comparison(n, d);
  std::vector<Contender> contenders = comparison.contenders();
  double peak = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    peak = std::max(peak, breakeven::fma_peak_flops<T>(0.1));
    for (Contender& c : contenders) {
      c.prepare();
      const std::clock_t start = std::clock();
      c.run();
      c.best_s = std::min(c.best_s, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    peak = std::max(peak, breakeven::fma_peak_flops<T>(0.1));
  }
  for (const Contender& c : contenders) {
    double other_s = 1e300;  // of the library's ways the fastest
    for (const Contender& other : contenders)
      if (!c.against.empty() && other.name.starts_with(c.against)) other_s = std::min(other_s, other.best_s);
    std::printf("%-5s %8lld %5lld  %-20s %9.2f %8.1f %6.1f", dtype, static_cast<long long>(n),
                static_cast<long long>(d), c.name.c_str(), c.best_s * 1e3, c.flops / c.best_s * 1e-9,
                100 * c.flops / c.best_s / peak);
    if (other_s < 1e300) std::printf("  %5.2f x %s", other_s / c.best_s, c.against.c_str());
    std::printf("\n");
  }
  std::printf("%-5s %8s %5s  %-20s %9s %8.1f\n", dtype, "", "", "peak", "", peak * 1e-9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 3;
  std::optional<breakeven::SimdTargetScope> scope;
  if (argc > 2) scope.emplace(argv[2]);
  breakeven::pin_blas_to_one_thread();
  std::printf("target %s, BLAS %s (%s)\n", std::string(breakeven::simd_target()).c_str(),
              breakeven::blas_name().c_str(), breakeven::blas_core().c_str());
  std::printf("dtype        n     d  what                        ms     GF/s      %%\n");
  compare<double>("f64", 1'000'000, 64, repetitions);
  compare<double>("f64", 200'000, 256, repetitions);
  compare<float>("f32", 1'000'000, 64, repetitions);
  compare<float>("f32", 200'000, 256, repetitions);
}
