#include "comm/agree.hpp"

#include <array>
#include <exception>
#include <new>

#include "comm/local_phase.hpp"

namespace breakeven {
namespace {

struct Outcome {
  bool failed = false;
  ExitCode exit_code = ExitCode::ok;
  std::string message;
};

Outcome run_locally(const Communicator& comm, const std::function<void()>& body) {
  const LocalPhase guard(comm);
  try {
    body();
    return {};
  } catch (const Error& error) {
    return {true, error.exit_code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {true, ExitCode::failure, "out of memory"};
  } catch (const std::exception& error) {
    return {true, ExitCode::failure, error.what()};
  }
}

/// Collective: the outcome of rank `speaker`, everywhere.
[[noreturn]] void throw_everywhere(const Communicator& comm, const Outcome& mine, int speaker,
                                   const std::string& where) {
  const std::string message = comm.broadcast_text(mine.message, speaker);
  const std::string code = comm.broadcast_text(std::to_string(static_cast<int>(mine.exit_code)), speaker);
  throw CollectiveError(static_cast<ExitCode>(std::stoi(code)), message + where);
}

}  // namespace

void agree(const Communicator& comm, std::string_view phase, const std::function<void()>& body) {
  const Outcome mine = run_locally(comm, body);
  const Index lowest = Agreement::lowest_failed(comm, mine.failed);
  if (lowest == comm.size()) return;

  // All ranks are here: what follows is as collective as the reduction above.
  const bool everywhere = Agreement::failures(comm, mine.failed) == comm.size();
  const int speaker = static_cast<int>(lowest);
  const std::string where = everywhere ? ""
                                       : " [rank " + std::to_string(speaker) + "/" + std::to_string(comm.size()) +
                                             ", " + std::string(phase) + "]";
  throw_everywhere(comm, mine, speaker, where);
}

void agree_with_root(const Communicator& comm, const std::function<void()>& body) {
  const Outcome mine = comm.is_root() ? run_locally(comm, body) : Outcome{};
  if (Agreement::lowest_failed(comm, mine.failed) == 0) throw_everywhere(comm, mine, 0, "");
}

}  // namespace breakeven
