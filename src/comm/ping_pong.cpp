#include "comm/ping_pong.hpp"

#include <boost/mpi/exception.hpp>
#include <vector>

#include "base/stopwatch.hpp"
#include "comm/best_round.hpp"
#include "comm/local_phase.hpp"

namespace breakeven {
namespace {

constexpr int ping_tag = 72;

void check(int status, const char* call) {
  if (status != MPI_SUCCESS) throw boost::mpi::exception(call, status);
}

}  // namespace

double ping_pong(const Communicator& comm, int a, int b, Index bytes) {
  const MPI_Comm handle = Agreement::handle(comm);
  const int count = static_cast<int>(bytes), rank = comm.rank();
  std::vector<char> message(static_cast<std::size_t>(bytes));
  const auto send_to = [&](int other) {
    check(MPI_Send(message.data(), count, MPI_CHAR, other, ping_tag, handle), "MPI_Send");
  };
  const auto receive_from = [&](int other) {
    check(MPI_Recv(message.data(), count, MPI_CHAR, other, ping_tag, handle, MPI_STATUS_IGNORE), "MPI_Recv");
  };
  return best_round(comm, [&] {
    const Stopwatch watch;
    if (rank == a) {
      send_to(b);
      receive_from(b);
      return watch.seconds() / 2;
    }
    if (rank == b) {
      receive_from(a);
      send_to(a);
    }
    return 0.0;
  });
}

}  // namespace breakeven
