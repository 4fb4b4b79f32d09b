#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/value.hpp"
#include "study/process.hpp"
#include "study/progress.hpp"

namespace breakeven {

/// One line of a driver's --format json.
struct CaseLine {
  bool is_case = false;  ///< false: the line is no JSON object, something else wrote to stdout
  std::string text;      ///< "ring n=4096 d=16: 12.3 ms", for the reader
  Index ranks = unknown_index;
  std::string status;   ///< ok or failed
  std::string message;  ///< why it failed
};
CaseLine read_case_line(std::string_view line);
/// The warning in a line of a program's stderr, as it is told on: "warning: ..."; empty if it holds none.
std::string_view warning_in(std::string_view line);

/// How a whole plan ended.
struct RunResult {
  ExitCode exit_code = ExitCode::ok;
  std::size_t launches_run = 0;       ///< that ended with 0 or 3
  std::vector<std::string> failures;  ///< one line a launch that failed otherwise
};

/// Starts one launch; run_invocation() with launcher and folder bound, or a stand-in of a test.
using Runner = std::function<Outcome(const Invocation&, const LineCallbacks&)>;
/// Asked before each launch; true ends the run with 75.
using StopRequested = std::function<bool()>;

/// Runs the launches of `progress.plan()` in order. Exit 0 and 3 go on (3 is remembered), 2 and 75 end the run at once,
/// any other failure is remembered and the run goes on: one broken size must not cost a night. A driver's warning is
/// noted once a run.
/// The exit code is the first of: 2 or 75 if that ended the run; 1 if a launch failed; 3; 0.
/// Errors: Failure if a driver reports another number of ranks than were launched. Launcher and MPI then do not speak
/// the same language (a wrong `srun --mpi`), and every number of the run would be that of N jobs of one rank.
RunResult run_plan(const Runner& run, Progress& progress, const StopRequested& stop_requested);

}  // namespace breakeven
