#include "comm/ping_pong.hpp"

#include <algorithm>
#include <boost/mpi/exception.hpp>
#include <limits>
#include <vector>

#include "base/stopwatch.hpp"
#include "comm/local_phase.hpp"

namespace breakeven {
namespace {

constexpr int ping_tag = 72;

void check(int status, const char* call) {
  if (status != MPI_SUCCESS) throw boost::mpi::exception(call, status);
}

}  // namespace

double ping_pong(const Communicator& comm, int a, int b, Index bytes) {
  constexpr Index fewest_rounds = 8, most_rounds = 400;
  constexpr double enough_s = 0.05;
  const MPI_Comm handle = Agreement::handle(comm);
  const int count = static_cast<int>(bytes), rank = comm.rank();
  std::vector<char> message(static_cast<std::size_t>(bytes));
  const auto send_to = [&](int other) {
    check(MPI_Send(message.data(), count, MPI_CHAR, other, ping_tag, handle), "MPI_Send");
  };
  const auto receive_from = [&](int other) {
    check(MPI_Recv(message.data(), count, MPI_CHAR, other, ping_tag, handle, MPI_STATUS_IGNORE), "MPI_Recv");
  };
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (Index round = 0; round < fewest_rounds || (round < most_rounds && spent < enough_s); ++round) {
    const Stopwatch watch;
    double trip = std::numeric_limits<double>::infinity();
    if (rank == a) {
      send_to(b);
      receive_from(b);
      trip = watch.seconds();
    } else if (rank == b) {
      receive_from(a);
      send_to(a);
    }
    trip = comm.all_reduce(trip, Reduction::minimum);  // all ranks decide alike
    best = std::min(best, trip);
    spent += trip;
  }
  return best / 2;
}

}  // namespace breakeven
