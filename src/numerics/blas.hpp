#pragma once

#include <string>

namespace breakeven {

/// Flat MPI: one thread a rank. Called once, before any product.
void pin_blas_to_one_thread();

/// Name and version of the BLAS library, and the kernel set it chose for this CPU (OpenBLAS; environment variables may
/// have lowered it, which the results then show).
std::string blas_name();
std::string blas_core();

}  // namespace breakeven
