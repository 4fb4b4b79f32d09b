#include "study/run_plan.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace breakeven {
namespace {

using Json = nlohmann::json;

double number_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string text_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

std::string duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} s", seconds);
}

/// 3 is an answer, not an accident.
bool is_expected(int exit_code) {
  return exit_code == static_cast<int>(ExitCode::ok) || exit_code == static_cast<int>(ExitCode::check_failed);
}

std::string name_of(const Invocation& invocation) {
  return fmt::format("{}/{} on {} rank{}, launch {}", invocation.family, invocation.problem, invocation.ranks,
                     invocation.ranks == 1 ? "" : "s", invocation.launch);
}

/// `told`: warnings of earlier launches, which most launches give again.
LineCallbacks callbacks_for(const Invocation& invocation, Progress& progress, std::set<std::string>& told) {
  LineCallbacks callbacks;
  callbacks.on_output = [&](std::string_view line) {
    const CaseLine finished = read_case_line(line);
    if (!finished.is_case) return progress.note(line);
    if (finished.ranks != unknown_index && finished.ranks != invocation.ranks)
      throw Failure(
          fmt::format("{} ranks were launched but the driver sees {}: the launcher does not fit the driver's MPI "
                      "(with srun, try another --mpi; with mpiexec, the one of the MPI that built it)",
                      invocation.ranks, finished.ranks));
    progress.case_finished(finished.text);
    if (finished.status == "failed") progress.note(finished.text + ": " + finished.message);
  };
  callbacks.on_message = [&](std::string_view line) {
    const std::string_view warning = warning_in(line);
    if (!warning.empty() && told.emplace(warning).second) progress.note(warning);
  };
  return callbacks;
}

}  // namespace

std::string_view warning_in(std::string_view line) {
  constexpr std::string_view program = "breakeven: ";
  if (!line.starts_with(program) || !line.substr(program.size()).starts_with("warning: ")) return {};
  return line.substr(program.size());
}

CaseLine read_case_line(std::string_view line) {
  CaseLine result;
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return result;
  result.is_case = true;
  result.status = text_of(object, "status");
  result.message = text_of(object, "message");
  if (const double ranks = number_of(object, "ranks"); ranks >= 0) result.ranks = static_cast<Index>(ranks);
  result.text = text_of(object, "method");
  for (const char* key : {"n", "d", "degree", "bound"})
    if (const double value = number_of(object, key); value >= 0) result.text += fmt::format(" {}={:.6g}", key, value);
  if (const double time_s = number_of(object, "time_median"); time_s >= 0) result.text += ": " + duration(time_s);
  return result;
}

RunResult run_plan(const Runner& run, Progress& progress, const StopRequested& stop_requested) {
  RunResult result;
  bool check_failed = false;
  std::set<std::string> told;
  for (std::size_t i = 0; i < progress.plan().size(); ++i) {
    const Invocation& invocation = progress.plan()[i];
    Outcome outcome{static_cast<int>(ExitCode::interrupted), {}};
    if (!stop_requested()) {
      progress.launch_started(i);
      outcome = run(invocation, callbacks_for(invocation, progress, told));
    }
    const bool ends_the_run = outcome.exit_code == static_cast<int>(ExitCode::usage) ||
                              outcome.exit_code == static_cast<int>(ExitCode::interrupted);
    if (outcome.exit_code != static_cast<int>(ExitCode::interrupted) && !is_expected(outcome.exit_code)) {
      result.failures.push_back(fmt::format("{} ended with exit {}{}{}", name_of(invocation), outcome.exit_code,
                                            outcome.cause.empty() ? "" : ": ", outcome.cause));
      progress.note(result.failures.back() + (outcome.last_messages.empty() ? "" : "; it said:"));
      for (const std::string& message : outcome.last_messages) progress.note("  " + message);
    }
    if (ends_the_run) {
      result.exit_code = static_cast<ExitCode>(outcome.exit_code);
      return result;
    }
    if (is_expected(outcome.exit_code))
      progress.launch_finished();
    else
      progress.launch_failed();
    check_failed = check_failed || outcome.exit_code == static_cast<int>(ExitCode::check_failed);
    if (is_expected(outcome.exit_code)) ++result.launches_run;
  }
  if (!result.failures.empty())
    result.exit_code = ExitCode::failure;
  else if (check_failed)
    result.exit_code = ExitCode::check_failed;
  return result;
}

}  // namespace breakeven
