#pragma once

#include "base/index.hpp"

// Passes over the real amplitudes of a quantum state in amplitude amplification. Local, no communicator. Sums are in
// float64, in blocks, so that their rounding grows with block length + number of blocks and not with n. Errors: none.
namespace breakeven {

/// psi_i = twice_mean - psi_i, the reflection about the uniform state; returns the sum of the new entries.
/// Cost: 2 n flops, one read and one write of psi.
template <class T>
double reflect_about_mean(T* psi, Index n, T twice_mean);

/// psi_i = sign (twice_overlap start_i - psi_i), the reflection about any start state, then perhaps a change of sign;
/// returns sum start_i psi_i of the new entries. Cost: 4 n flops, two reads and one write.
template <class T>
double reflect_about(const T* start, T* psi, Index n, T twice_overlap, T sign);

/// sum psi_i^2. Cost: 2 n flops, one read.
template <class T>
double squared_amplitudes(const T* psi, Index n);

/// Roundings that one entry can go through in these sums.
Index amplitude_sum_roundings(Index n);

}  // namespace breakeven
