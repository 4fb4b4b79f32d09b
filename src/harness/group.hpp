#pragma once

#include <functional>
#include <vector>

#include "harness/experiment.hpp"
#include "harness/placement.hpp"

namespace breakeven {

/// What all groups of an invocation share.
struct RunContext {
  const Experiment& experiment;
  const Hooks& hooks;
  Placement placement;
  std::shared_ptr<const InputFile> input;                     ///< empty for synthetic data
  Communicator bookkeeping;                                   ///< the harness's own
  Communicator methods;                                       ///< the methods', whose traffic is counted
  std::function<void(const std::string& phase)> begin_phase;  ///< progress and time-out
  std::function<void(const std::string& warning)> warn{};     ///< tells the user once; may be empty
};

struct GroupOutcome {
  std::vector<Record> records;  ///< one a case, equal on all ranks but for nothing
  ExitCode exit_code = ExitCode::ok;
};

/// Builds the workload, verifies each method alone, times the survivors interleaved, compares the last answers with the
/// verified ones. Throws Interrupted on a signal, CollectiveError for a bad input. Collective.
GroupOutcome run_group(const RunContext&, const Group&);

/// Throws CollectiveError (exit 2) with the numbers if a group needs more than 90 % of the memory available to the
/// ranks of some host. Collective.
void require_memory(const RunContext&, const Group&);

/// One line that names the group: "attention/forward n=4096 d=8 ... f32".
std::string describe(const Group&);

}  // namespace breakeven
