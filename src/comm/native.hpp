#pragma once

#include <mpi.h>

#include "comm/communicator.hpp"

namespace breakeven {

/// The MPI handle behind a communicator, for parallel HDF5 alone (results/parallel_io.cpp).
MPI_Comm native(const Communicator& comm);

}  // namespace breakeven
