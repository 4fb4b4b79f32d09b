#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/record.hpp"
#include "results/study_file.hpp"

namespace breakeven {

/// What a merge found and did.
struct MergeSummary {
  Index shards = 0;    ///< files taken in
  Index cases = 0;     ///< rows of the study, kept ones included
  Index launches = 0;  ///< distinct launch numbers among them
  Index kept = 0;      ///< rows of the older study file whose shards are gone
  std::vector<std::pair<std::string, std::string>>
      skipped;                          ///< path and reason: broken, foreign, unfinished, duplicate
  std::vector<std::string> git_states;  ///< distinct states of the code that measured
};

/// Builds the study file `out_path` from the shards in `shard_folder`, over an older one: same shards, same content.
/// What cannot be read is named in the summary and left where it is. Launches of the older file whose shards are gone
/// are kept. Rules for each column: docs/results_format.md, "Merging".
/// `probe` is called with the path of every file before it is opened, and may throw why it must not be.
/// Errors: BadRequest if there is no such folder or `out_path` holds something that is not a study; Failure if the
/// study cannot be written.
MergeSummary merge(const std::string& shard_folder, const std::string& out_path, const Probe& probe = {});

/// One record from the records of one case in different launches, in the order of their launches. Needs at least one.
/// `older` adds the samples and rank data of further launches, nothing else.
Record merge_records(const std::vector<Record>& launches, const Record& older = {});

}  // namespace breakeven
