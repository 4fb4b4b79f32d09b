#pragma once

#include <functional>
#include <string>

#include "comm/communicator.hpp"

namespace breakeven {

/// The body of every MPI program: initialises MPI, runs `body` on all ranks, turns its outcome into an exit code.
/// A CollectiveError is printed once, by rank 0, and ends all ranks with its code. Any other exception is not agreed
/// upon: that rank prints `[rank r/P] message` and ends the job with code 1.
int run_main(int argc, char** argv, const std::function<int(const Communicator&)>& body);

/// Name and version of the MPI library, one line.
std::string mpi_library_version();

}  // namespace breakeven
