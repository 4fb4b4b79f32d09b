#pragma once

#include <any>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sweep.hpp"
#include "harness/any_method.hpp"
#include "harness/measure.hpp"
#include "harness/record.hpp"
#include "harness/registry.hpp"

namespace breakeven {

/// What one invocation of a driver was asked to do: the command line, parsed and checked, not yet expanded.
struct Experiment {
  struct MethodAxes {
    std::string name;
    std::vector<Axis> axes;   ///< the method's parameters that were given
    bool may_refuse = false;  ///< nobody asked for it by name or option: where it cannot do a task it is left out
  };
  std::string family;
  std::string problem;
  std::vector<Axis> spec_axes;  ///< the problem's options that were given
  std::vector<MethodAxes> methods;
  std::vector<Precision> precisions{Precision::f64};
  std::vector<Index> seeds{1};
  Protocol protocol;
  Index launch = 0;
  double timeout_s = 0;  ///< 0: the larger of 600 s and 10 x budget
  std::string out;       ///< folder of the results; "" writes none
  std::string input;
  std::string study = "adhoc";
  std::string label;
  std::string format = "table";
  bool save_solution = false;
  bool require_certificate = false;
  bool reuse_older = false;
  bool dry_run = false;
  bool list = false;
  bool quiet = false;
};

/// One method with its parameters in a group.
struct Case {
  MethodEntry entry;
  std::any params;
  Layout layout;
  std::string hash;
};

/// The methods of one problem on one specification: run interleaved, finished together.
struct Group {
  const ProblemType* problem = nullptr;
  Precision precision = Precision::f64;
  Index seed = 1;
  std::any spec;
  std::vector<Case> cases;
  std::vector<std::string> left_out;  ///< methods that may refuse and did: "name: reason"
};

/// The groups of an experiment in the order of its sweep, every one validated: throws BadRequest before anything runs.
/// `file` is the opened input, or empty. Pure but for reading shapes from the file.
std::vector<Group> expand(const Experiment&, const Registry&, int ranks, const InputFile* file);

/// The columns that say which case this is: identity, factors and parameters; `spec` may differ from the group's by
/// what the data told (see Workload::observe).
std::vector<Column> identity_columns(const Group&, const Case&, const std::any& spec, const InputFile* file);

/// What the harness needs from layers it does not know.
struct Hooks {
  /// Throws BadRequest if opening this input file could end the process. Called on rank 0 alone, before open_input.
  std::function<void(const std::string& path)> probe_input;
  /// Opens an input file; throws BadRequest.
  std::function<std::shared_ptr<InputFile>(const std::string& path)> open_input;
  /// A finished case's record of this launch, if there is one to reuse. Called on rank 0 alone.
  std::function<bool(const std::string& hash)> is_finished;
  /// This launch alone measures the case from now on; throws BadRequest if another does. Called on rank 0 alone, for
  /// every case of a group that is not finished.
  std::function<void(const std::string& hash)> claim;
  /// Takes the records of a finished group. Called on rank 0 alone; may throw Failure.
  std::function<void(const std::vector<Record>&)> sink;
  /// Writes a solution. Collective.
  std::function<void(const Communicator&, const Record&, const std::vector<SolutionArray>&)> save_solution;
  /// Operations this rank can do a second, measured on the spot: fused multiply-adds in flop/s, or compared signs.
  /// Empty: unknown.
  std::function<double(Precision)> peak_flops;
  std::string blas_core;
};

/// Runs all groups; returns the exit code (0, 3 if a check failed, 1 if a method failed, 75 if interrupted).
/// Collective. Progress goes to stderr and rows to stdout, from rank 0 alone.
ExitCode run(const Communicator&, const Experiment&, const Registry&, const Hooks&);

}  // namespace breakeven
