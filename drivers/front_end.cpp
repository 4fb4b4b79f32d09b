#include "front_end.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include "analysis/break_even.hpp"
#include "base/sweep.hpp"
#include "harness/command_line.hpp"
#include "probe.hpp"
#include "registry.hpp"
#include "results/durable_file.hpp"
#include "results/folder_lock.hpp"
#include "results/provenance.hpp"
#include "results/study_file.hpp"
#include "study/machine.hpp"
#include "study/plan.hpp"
#include "study/process.hpp"
#include "study/run_plan.hpp"
#include "study/study_file.hpp"

namespace breakeven {
namespace {

/// "attention/forward" as family and problem.
std::pair<std::string, std::string> split_problem(const std::string& full) {
  const auto slash = full.find('/');
  if (slash == std::string::npos) throw BadRequest("problem must be written family/problem, got '" + full + "'");
  return {full.substr(0, slash), full.substr(slash + 1)};
}

std::vector<FieldInfo> fields_of(const std::string& full, const std::vector<std::string>& methods) {
  const auto [family, problem] = split_problem(full);
  std::vector<FieldInfo> fields = registry().problem(family, problem).fields();
  for (const std::string& method : methods)
    for (const FieldInfo& field : registry().method(family, problem, method).type->fields()) fields.push_back(field);
  return fields;
}

std::vector<std::string> accepted_options(const std::string& full, const std::vector<std::string>& methods) {
  std::vector<std::string> names;
  for (const FieldInfo& field : fields_of(full, methods)) names.push_back(field.name);
  return names;
}

void check_value(const std::string& full, const std::vector<std::string>& methods, const std::string& option,
                 const std::string& text) {
  for (const FieldInfo& field : fields_of(full, methods))
    if (field.name == option) expand_list(text, field);
}

/// The MPI program of that name: beside this one; what all front ends share (calibrate) may stand one folder above.
std::string program_of(const std::string& name) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto beside = folder / name, above = folder.parent_path() / name;
  return (std::filesystem::exists(beside) || !std::filesystem::exists(above) ? beside : above).string();
}

/// A study names its input relative to where it is run; a missing one is said before the first launch.
void require_inputs(const StudyFile& study) {
  for (const Sweep& sweep : study.sweeps)
    for (const SweepOption& option : sweep.options)
      if (option.name == "input" && !std::filesystem::exists(option.text))
        throw BadRequest("input: there is no file " + option.text +
                         "; scripts/make_inputs.sh makes those of data/studies");
}

/// Runs that share a folder but no number of ranks do different work, as the jobs of a scaling study do. Two of the
/// same would measure everything twice and disturb each other's times.
std::string lock_name(const std::vector<Invocation>& launches) {
  std::set<int> ranks;
  for (const Invocation& launch : launches) ranks.insert(launch.ranks);
  std::string name = "run";
  for (const int count : ranks) name += "-" + std::to_string(count);
  return name;
}

/// The numbers of ranks in the plan, and whether `out` holds ceilings of as many. Errors: BadRequest if something
/// stands in their place that is not ours to replace.
std::map<int, bool> calibrated_ranks(const std::string& out, const Progress& progress) {
  std::map<int, bool> ranks;
  for (const Invocation& planned : progress.plan()) ranks[planned.ranks] = false;
  for (auto& [count, calibrated] : ranks) {
    const FoundShard found = find_calibration(calibration_path(out, count, 0), git_state(), probe_results);
    require_replaceable(found);
    calibrated = found.state == ShardState::finished;
  }
  return ranks;
}

/// Runs `calibrate` once for each number of ranks in the plan. It measures nothing if `out` holds the ceilings of these
/// ranks on as many hosts: on which hosts a launcher puts them only a launch can tell. A failure costs the study its
/// shares of the ceilings and nothing else.
void calibrate_machine(const StudyFile& study, const std::string& out, Progress& progress, const Runner& launch,
                       const StopRequested& stop_requested) {
  LineCallbacks callbacks;
  callbacks.on_message = [&](std::string_view line) {
    const std::string_view warning = warning_in(line);
    if (!warning.empty()) progress.note(warning);
  };
  for (const auto& [count, calibrated] : calibrated_ranks(out, progress)) {
    if (stop_requested()) return;
    if (!calibrated)
      progress.note(fmt::format("calibrating: what {} rank{} of this machine reach{} at best", count,
                                count == 1 ? "" : "s", count == 1 ? "es" : ""));
    Invocation calibration;
    calibration.family = "calibrate";
    calibration.arguments = {"--out=" + out, "--study=" + study.name, "--reuse", "--quiet"};
    if (!study.label.empty()) calibration.arguments.push_back("--label=" + study.label);
    calibration.ranks = count;
    const Outcome outcome = launch(calibration, callbacks);
    if (outcome.exit_code == 0 || stop_requested()) continue;
    progress.note("not calibrated, so the shares of the ceilings will be missing:");
    for (const std::string& message : outcome.last_messages) progress.note("  " + message);
  }
}

void print_merge(const MergeSummary& summary, const std::string& out) {
  fmt::print("{}: {} cases, {} launches, from {} shards", out, summary.cases, summary.launches, summary.shards);
  if (summary.kept > 0) fmt::print(" and {} cases kept from before", summary.kept);
  fmt::print("\n");
  std::cout.flush();
  for (const auto& [path, reason] : summary.skipped) fmt::print(stderr, "skipped {}\n", reason);
  if (summary.git_states.size() > 1)
    fmt::print(stderr, "the shards come from {} states of the code; the report lists them\n",
               summary.git_states.size());
}

}  // namespace

void merge_folder(const std::string& folder, const std::string& out) {
  const FolderLock lock(folder);
  lock.wait_for("merge");
  print_merge(merge(folder + "/shards", out, probe_results), out);
}

ExitCode run_study(const RunOptions& options) {
  const StudyFile study = read_study(options.study, accepted_options, check_value);
  require_inputs(study);
  const std::string out = options.out.empty() ? "results/" + study.name : options.out;
  const int all_ranks =
      options.ranks.empty() ? cores_of_this_machine() : static_cast<int>(parse_index(options.ranks, "ranks"));
  if (all_ranks < 1) throw BadRequest("ranks must be at least 1, got " + options.ranks);
  std::error_code failed;
  std::filesystem::create_directories(out + "/shards", failed);
  if (failed) throw BadRequest("out: cannot create " + out + "/shards: " + failed.message());
  require_writable(out + "/shards");
  const std::vector<Invocation> launches = plan(study, all_ranks, out);
  const FolderLock lock(out);
  if (const auto holder = lock.take(lock_name(launches)))
    throw BadRequest("out: another run is at work in " + out + " (" + *holder + "); wait for its end");

  RunResult result;
  {
    SignalWatch signals;
    Progress progress(launches);
    const Runner launch = [&](const Invocation& invocation, const LineCallbacks& callbacks) {
      return run_invocation(options.launcher, program_of(invocation.family), invocation, callbacks, signals);
    };
    const StopRequested stop_requested = [&] {
      signals.take();
      return signals.stop_requested();
    };
    if (options.calibrate) calibrate_machine(study, out, progress, launch, stop_requested);
    result = run_plan(launch, progress, stop_requested);
    progress.close();
  }
  for (const std::string& failure : result.failures) fmt::print(stderr, "failed: {}\n", failure);
  if (result.exit_code == ExitCode::usage) return result.exit_code;
  merge_folder(out, out + "/study.h5");
  const Study merged = read_study(out + "/study.h5");
  std::cout << "\n" << break_even_table(merged, break_evens(merged));
  return result.exit_code;
}

}  // namespace breakeven
