#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "comm/communicator.hpp"

namespace breakeven {

/// An error that every rank throws with the same message, so that all of them may handle it alike.
class CollectiveError : public Error {
 public:
  CollectiveError(ExitCode exit_code, const std::string& message) : Error(exit_code, message) {}
};

/// Runs local work that may fail on some ranks. If any rank throws, all throw the same CollectiveError: the message and
/// exit code of the lowest such rank, with `phase` and, unless all ranks failed, that rank named.
/// Collective, one counted call. The body must not communicate: the communicator refuses while it runs.
void agree(const Communicator& comm, std::string_view phase, const std::function<void()>& body);

/// The same for work that rank 0 alone does for all: if it throws, all throw its message as it is.
void agree_with_root(const Communicator& comm, const std::function<void()>& body);

}  // namespace breakeven
