#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "study/plan.hpp"

namespace breakeven {

/// What a launched driver said and how it ended.
struct Outcome {
  int exit_code = 0;  ///< of the launcher; 128 + signal if one ended it; 75 if we were asked to stop
  std::vector<std::string> last_messages;  ///< the last 20 lines of stderr
  std::string cause = {};                  ///< why it ended, if stderr told; see study/cause.hpp
};

struct LineCallbacks {
  std::function<void(std::string_view)> on_output;   ///< a line of stdout
  std::function<void(std::string_view)> on_message;  ///< a line of stderr
};

/// While one exists, SIGINT, SIGTERM and SIGUSR1 are requests to stop and do not end this process. One at a time.
class SignalWatch {
 public:
  SignalWatch();   ///< throws Failure if one exists already
  ~SignalWatch();  ///< restores the handlers there were
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  bool stop_requested() const { return stop_requested_; }
  /// Becomes readable when a signal has come or a child has changed state.
  int descriptor() const;
  /// The signals that have come since the last call, oldest first, without SIGCHLD.
  std::vector<int> take();

 private:
  bool stop_requested_ = false;
};

/// The launcher's text split at blanks, {ranks} replaced: "mpiexec -n {ranks}". `--oversubscribe` is appended for
/// mpiexec and mpirun where ranks exceed `cores`. No quoting, no expansion: nothing in it reaches a shell.
/// Errors: BadRequest if it is empty or never says {ranks}.
std::vector<std::string> launcher_words(const std::string& launcher, int ranks, int cores);

/// The child's environment: `current` plus the times after which Open MPI gives up a silent host, unless they are set
/// (five seconds where its own are eight minutes), and, where `is_root`, its two permissions to run as root.
std::vector<std::string> child_environment(std::vector<std::string> current, bool is_root);

/// Runs one launch to its end, in a process group of its own, stdin from /dev/null, and hands over its lines as they
/// come. A first signal to us reaches that group as SIGUSR1, whatever it was: mpiexec answers SIGTERM and SIGINT by
/// killing the ranks within a second, but passes SIGUSR1 on, and the drivers then end the repetition in hand and
/// exit 75. A second SIGINT or SIGTERM is passed on as it is. Should this process be killed, the launcher gets SIGUSR1
/// from the system: nothing goes on measuring for nobody. Errors: BadRequest if the launcher cannot be started,
/// Failure if the system refuses.
Outcome run_invocation(const std::string& launcher, const std::string& driver, const Invocation& invocation,
                       const LineCallbacks& callbacks, SignalWatch& signals);

}  // namespace breakeven
