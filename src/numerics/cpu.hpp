#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace breakeven {

/// Name of the instruction set that the run-time dispatch uses on this processor, e.g. "AVX3" (Highway's word for
/// AVX-512).
std::string_view simd_target();

/// The compiled instruction sets that this processor can run, best first.
std::vector<std::string> simd_targets();

/// The same, with AVX-512 that counts bits ("AVX3_DL") where the processor has it: only the kernels that compare packed
/// signs are compiled for it, the others run AVX3.
std::vector<std::string> bit_simd_targets();

/// Confines the run-time dispatch of the whole process to one of bit_simd_targets() and what is below it, until the
/// object dies. For tests and comparisons. Objects made before keep the target they were made with.
/// Throws Failure if the name is not among them.
class SimdTargetScope {
 public:
  explicit SimdTargetScope(std::string_view target);
  ~SimdTargetScope();
  SimdTargetScope(const SimdTargetScope&) = delete;
  SimdTargetScope& operator=(const SimdTargetScope&) = delete;
};

/// Floating-point operations per second of one core that does nothing but independent fused multiply-adds on registers
/// (two operations each), with the vectors of simd_target(): the ceiling of every product of matrices.
/// Bursts of about a millisecond are run for `seconds`; the fastest counts, since a disturbed one says nothing.
template <class T>
double fma_peak_flops(double seconds);

extern template double fma_peak_flops<float>(double seconds);
extern template double fma_peak_flops<double>(double seconds);

}  // namespace breakeven
