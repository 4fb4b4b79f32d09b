#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <limits>
#include <set>

#include "comm/agree.hpp"
#include "comm/watchdog.hpp"
#include "harness/dry_run.hpp"
#include "harness/experiment.hpp"
#include "harness/group.hpp"
#include "harness/interruption.hpp"
#include "harness/rows.hpp"

namespace breakeven {
namespace {

/// What is being done, on stderr, from rank 0 alone, never inside a timed region: an updating line on a terminal, a
/// line at most every 30 seconds elsewhere.
class PhaseLine {
 public:
  explicit PhaseLine(bool silent) : silent_(silent), terminal_(isatty(STDERR_FILENO) == 1) {}
  ~PhaseLine() { clear(); }
  PhaseLine(const PhaseLine&) = delete;
  PhaseLine& operator=(const PhaseLine&) = delete;

  void show(const std::string& text) {
    if (silent_) return;
    const auto now = std::chrono::steady_clock::now();
    if (terminal_) {
      fmt::print(stderr, "\r\033[K{}", text.substr(0, 110));
      shown_ = true;
    } else if (now - last_ > std::chrono::seconds(30)) {
      fmt::print(stderr, "{}\n", text);
      last_ = now;
    }
    std::fflush(stderr);
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  bool silent_, terminal_, shown_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// Columns of the parameters that were set for this method.
std::set<std::string> parameters_set(const Experiment& experiment, const std::string& method) {
  std::set<std::string> names;
  for (const Experiment::MethodAxes& axes : experiment.methods)
    if (axes.name == method)
      for (const Axis& axis : axes.axes) names.insert(column_name(axis.name));
  return names;
}

/// What stands above the rows: due once. The columns of CSV are those of the first group.
struct Heading {
  bool due = true;
  std::vector<std::string> csv;
};

void print_rows(const Experiment& experiment, const std::vector<Record>& records, Heading& heading) {
  const bool csv = experiment.format == "csv";
  if (heading.due && csv) heading.csv = csv_columns(records);
  for (const Record& record : records) {
    if (experiment.format == "json") {
      fmt::print("{}\n", to_json_line(record));
      continue;
    }
    const Record aligned = csv ? with_columns(record, heading.csv) : record;
    if (heading.due) fmt::print("{}\n", csv ? csv_header(aligned) : table_header());
    heading.due = false;
    fmt::print("{}\n",
               csv ? to_csv_line(aligned) : to_table_row(record, parameters_set(experiment, record.text("method"))));
  }
  flush_standard_output();
}

/// Whether every case of the group is finished. Every shard is looked at: one that must not be replaced ends the
/// program.
bool is_finished(const Group& group, const Hooks& hooks) {
  const auto finished = [&](const Case& one) { return hooks.is_finished(one.hash); };
  return std::count_if(group.cases.begin(), group.cases.end(), finished) == std::ssize(group.cases);
}

/// For each group whether all its cases are finished. The others are claimed, all of them before anything is measured,
/// so that of two launches that are to do the same the later one ends here.
std::vector<Index> finished_groups(const Communicator& comm, const Hooks& hooks, const std::vector<Group>& groups,
                                   const std::function<void()>& begin_group) {
  std::vector<Index> finished(groups.size(), 0);
  agree_with_root(comm, [&] {
    if (!hooks.is_finished) return;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      begin_group();
      finished[g] = is_finished(groups[g], hooks);
      if (finished[g] == 1 || !hooks.claim) continue;
      for (const Case& one : groups[g].cases) hooks.claim(one.hash);
      finished[g] = is_finished(groups[g], hooks);  // by who held it until a moment ago, perhaps
    }
  });
  comm.all_reduce(std::span<Index>(finished), Reduction::maximum);
  return finished;
}

ExitCode worse(ExitCode a, ExitCode b) {
  if (a == ExitCode::failure || b == ExitCode::failure) return ExitCode::failure;
  return a == ExitCode::ok ? b : a;
}

struct Prepared {
  std::shared_ptr<const InputFile> input;
  std::vector<Group> groups;
};

Prepared prepare(const Communicator& comm, const Experiment& experiment, const Registry& registry, const Hooks& hooks) {
  Prepared prepared;
  std::shared_ptr<InputFile> input;
  std::string sha256;
  agree_with_root(comm, [&] {
    if (!experiment.input.empty() && hooks.probe_input) hooks.probe_input(experiment.input);
  });
  agree(comm, "options", [&] {
    if (experiment.input.empty()) return;
    input = hooks.open_input(experiment.input);
    if (comm.is_root()) sha256 = input->sha256();
  });
  sha256 = comm.broadcast_text(sha256);
  if (input) input->adopt_sha256(sha256);
  prepared.input = input;
  agree(comm, "options", [&] { prepared.groups = expand(experiment, registry, comm.size(), prepared.input.get()); });
  return prepared;
}

}  // namespace

ExitCode run(const Communicator& world, const Experiment& experiment, const Registry& registry, const Hooks& hooks) {
  const auto [input, groups] = prepare(world, experiment, registry, hooks);
  if (experiment.dry_run) {
    if (world.is_root()) fmt::print("{}", dry_run_table(groups, world.size()));
    return ExitCode::ok;
  }
  watch_for_interruption();
  const bool speaks = world.is_root();
  const double timeout =
      experiment.timeout_s > 0 ? experiment.timeout_s : std::max(600.0, 10 * experiment.protocol.budget_s);
  Watchdog watchdog(world, timeout);
  PhaseLine line(!speaks || experiment.quiet);
  std::size_t done = 0;
  const RunContext context{experiment,
                           hooks,
                           read_placement(world),
                           input,
                           world.duplicate(),
                           world.duplicate(),
                           [&](const std::string& phase) {
                             watchdog.restart(phase);
                             line.show(fmt::format("[{}/{}] {}", done + 1, groups.size(), phase));
                           },
                           [&](const std::string& warning) {
                             line.clear();
                             if (speaks) fmt::print(stderr, "breakeven: warning: {}\n", warning);
                           }};
  std::set<std::string> told;  // once a method, with its first reason
  for (const Group& group : groups) {
    for (const std::string& text : group.left_out)
      if (told.insert(text.substr(0, text.find(':'))).second) context.warn("left out: " + text);
    require_memory(context, group);
  }

  ExitCode exit_code = ExitCode::ok;
  Heading heading;
  const std::vector<Index> finished = finished_groups(world, hooks, groups, [&] {
    watchdog.restart("looking at finished shards");  // a file system may let a lock wait for ever
  });
  std::size_t reused = 0;
  for (const Group& group : groups) {
    try {
      if (finished[done] == 1) {
        ++reused;
      } else {
        const GroupOutcome outcome = run_group(context, group);
        line.clear();
        agree(world, "writing results", [&] {  // before the rows: what was printed is on disk
          if (speaks && hooks.sink) hooks.sink(outcome.records);
        });
        agree(world, "printing results", [&] {
          if (speaks) print_rows(experiment, outcome.records, heading);
        });
        exit_code = worse(exit_code, outcome.exit_code);
      }
    } catch (const Interrupted& interrupted) {
      line.clear();
      if (speaks) fmt::print(stderr, "breakeven: {}\n", interrupted.what());
      return ExitCode::interrupted;
    }
    ++done;
  }
  line.clear();
  if (speaks && reused > 0 && !experiment.quiet)
    fmt::print(stderr, "{} of {} groups were already finished in {}\n", reused, groups.size(), experiment.out);
  return exit_code;
}

}  // namespace breakeven
