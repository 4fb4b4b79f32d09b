#pragma once

#include <string>

#include "base/error.hpp"
#include "results/merge.hpp"

namespace breakeven {

struct RunOptions {
  std::string study;
  std::string launcher = "mpiexec -n {ranks}";
  std::string out;
  std::string ranks;
  bool calibrate = true;  ///< measure the ceilings of the machine first
};

/// Runs the launches of a study with a progress line, merges the shards, prints the break-even table.
/// Errors: BadRequest for a bad study or folder, Failure if the merged file cannot be written.
ExitCode run_study(const RunOptions&);

/// Merges FOLDER/shards into `out` and says what that did, skipped files on stderr. One merge of a folder at a time, so
/// that none overwrites a later one with fewer shards.
void merge_folder(const std::string& folder, const std::string& out);

}  // namespace breakeven
