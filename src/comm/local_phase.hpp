#pragma once

#include <mpi.h>

#include <memory>

#include "comm/communicator.hpp"

namespace breakeven {

/// While one is alive the communicators of this process refuse to communicate. Private to comm.
class LocalPhase {
 public:
  explicit LocalPhase(const Communicator& comm);
  ~LocalPhase();
  LocalPhase(const LocalPhase&) = delete;
  LocalPhase& operator=(const LocalPhase&) = delete;

 private:
  std::shared_ptr<bool> active_;
};

/// The reductions behind agree(), and the MPI handle behind a communicator. Private to comm.
class Agreement {
 public:
  static Index lowest_failed(const Communicator& comm,
                             bool failed);  ///< comm.size() if no rank failed; one counted call
  static Index failures(const Communicator& comm, bool failed);
  static MPI_Comm handle(const Communicator& comm);
};

}  // namespace breakeven
