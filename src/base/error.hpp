#pragma once

#include <stdexcept>
#include <string>

namespace breakeven {

/// What a process tells its caller; the numbers are part of the command line's contract (README, "Exit codes").
enum class ExitCode : int {
  ok = 0,
  failure = 1,       ///< something failed at run time
  usage = 2,         ///< a bad request, nothing was run
  check_failed = 3,  ///< a result failed its check
  regression = 4,    ///< a comparison found a regression
  missing = 5,       ///< points are missing
  interrupted = 75,  ///< stopped early on a signal; running again completes it
};

/// An error with the exit code it leads to. The message is one line and names option, bound and value.
class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
  ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

/// The user asked for something impossible: exit 2, before anything is allocated.
class BadRequest : public Error {
 public:
  explicit BadRequest(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// Something failed while running: exit 1.
class Failure : public Error {
 public:
  explicit Failure(const std::string& message) : Error(ExitCode::failure, message) {}
};

}  // namespace breakeven
