#pragma once

#include "base/index.hpp"

namespace breakeven {

/// What one core of this machine reaches at best, each the best of the bursts that fit into `seconds`. Not collective;
/// called on all ranks of a node at once they share its memory and clock, and their sum is what the node reaches.

/// Floating-point operations per second of the BLAS library's matrix product, 1024 x 1024 x 1024.
template <class T>
double product_flops(double seconds);

/// Bytes that no cache keeps from one pass over them to the next, if each of `ranks` of a host passes over as many:
/// twice the last-level cache in all, but 128 MiB a rank at least.
Index bytes_beyond_caches(Index ranks);

/// Bytes per second of a sum over an array of `bytes`.
double read_bandwidth(double seconds, Index bytes);

/// Bytes per second of a = b + s c on three arrays of `bytes` in all, 24 bytes an element as STREAM counts them; the
/// result bypasses the caches, so nothing else moves. Source: McCalpin, STREAM (1995).
double triad_bandwidth(double seconds, Index bytes);

/// Bits per second compared by XOR, population count and add: one operand in the first-level cache, one in registers.
double xor_popcount_bits(double seconds);

/// Smallest step of the clock that times everything, in seconds.
double timer_resolution();

}  // namespace breakeven
