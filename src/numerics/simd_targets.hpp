#pragma once

/// Which instruction sets are compiled besides the baseline. To be included before any Highway header, in every file
/// that uses foreach_target, so that all of them dispatch among the same targets.
/// - SSSE3 and SSE4: processors without AVX2 are a decade out of clusters; they run the baseline.
/// - SVE: its vectors have no size at compile time, so arrays of them do not exist; such processors run NEON.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE_256 | HWY_SVE2 | HWY_SVE2_128)
