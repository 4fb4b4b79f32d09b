#pragma once

#include <string>
#include <string_view>

#include "base/value.hpp"

namespace breakeven {

/// Version of the program, and the state of the sources it was built from: the commit, followed by -dirty- and a digest
/// of the changes if there were any; "unknown" outside a git repository. Compiled in (cmake/GitState.cmake).
std::string_view program_version();
std::string_view git_state();

/// Name of this machine, "" if it has none.
std::string host_name();

/// What only the caller can know: this layer calls neither MPI nor BLAS.
struct LibraryFacts {
  std::string mpi;   ///< MPI_Get_library_version
  std::string blas;  ///< name and kernel, as the BLAS reports it
};

/// Where the numbers come from: writer_git, command line, compiler and flags, libraries, host, CPU model, kernel,
/// memory, load at the start. Facts that this system does not tell are left out. Local; reads a few files below /proc.
Values collect_provenance(const std::string& command_line, const LibraryFacts& libraries);

/// Scheduler and launch facts: a fixed list of variables of Slurm, Open MPI, OpenMP, OpenBLAS and HDF5 and nothing
/// else, since an environment may hold secrets. Those that are not set are left out.
Values collect_environment();

}  // namespace breakeven
