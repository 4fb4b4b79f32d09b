#include "comm/run_main.hpp"

#include <malloc.h>
#include <mpi.h>

#include <array>
#include <boost/mpi/environment.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "comm/agree.hpp"

namespace breakeven {
namespace {

/// What a run frees stays with the process: handed back to the system it would come again as page faults, which cost
/// more than the work on it. This holds for the vectors of methods and for the buffers of the MPI library.
void keep_freed_memory() {
  constexpr int kept_bytes = 64 << 20;
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest the C library takes
  mallopt(M_TRIM_THRESHOLD, kept_bytes);
}

/// A rank that no launcher has started asks for no daemon of its own, with which it could start more: Open MPI 4.1 has
/// crashed when it ended beside one. Under a launcher this is not looked at; what the user has set stays.
void do_without_daemon() {
  setenv("OMPI_MCA_ess_singleton_isolated", "1", /*overwrite=*/0);
}

}  // namespace

int run_main(int argc, char** argv, const std::function<int(const Communicator&)>& body) {
  keep_freed_memory();
  do_without_daemon();
  // One thread a rank computes and communicates; the time-out's thread only ever ends the job.
  const boost::mpi::environment environment(argc, argv, boost::mpi::threading::funneled);
  const Communicator world = Communicator::world();
  try {
    return body(world);
  } catch (const CollectiveError& error) {
    if (world.is_root()) std::fprintf(stderr, "breakeven: %s\n", error.what());
    std::fflush(nullptr);
    world.barrier();  // nobody leaves before the line is out: a launcher may kill the job at the first non-zero exit
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "[rank %d/%d] %s\n", world.rank(), world.size(), error.what());
  } catch (...) {
    std::fprintf(stderr, "[rank %d/%d] unknown exception\n", world.rank(), world.size());
  }
  std::fflush(nullptr);
  world.abort(static_cast<int>(ExitCode::failure));
}

std::string mpi_library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string all(text.data(), static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of(",\n"));
}

}  // namespace breakeven
