#pragma once

#include <compare>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/index.hpp"
#include "base/value.hpp"

namespace breakeven {

/// What a column of /cases is; stored as the attribute `kind` of its dataset, so that readers need no list of names.
/// identity: which case; factor: set by the user for the whole group; parameter: set for one method;
/// placement: ranks, nodes; measurement: times and costs; quality; count: what the data decided; verdict.
struct Column {
  std::string name;
  Value value;
  std::string unit;  ///< "1", "s", "byte" ...; empty for text and flags
  std::string help;
  std::string kind;
};

/// One repetition, over all ranks.
struct Sample {
  Index launch = 0;
  Index repetition = 0;
  bool warmup = false;
  double completion_s = 0;            ///< maximum over ranks of the time inside run()
  double compute_s = 0;               ///< of the rank that finished last: completion minus comm
  double comm_s = 0;                  ///< of the same rank: inside communicator calls
  Index order = 0;                    ///< position of the method in this repetition's shuffled order
  Index page_faults = unknown_index;  ///< minor ones inside run(), summed over ranks: memory touched for the first time
};

/// Per-rank data of one launch.
struct RankRecord {
  Index launch = 0;
  double setup_s = std::numeric_limits<double>::quiet_NaN();  ///< of this launch, maximum over ranks; NaN: not stored
  std::vector<std::vector<double>> elapsed_s;                 ///< [timed repetition][rank]
  std::vector<Index> bytes_sent;                              ///< [rank], one run()
  std::vector<Index> messages_sent;                           ///< [rank], one run()
  std::vector<std::string> host;                              ///< [rank]
  std::vector<std::string> cpuset;                            ///< [rank], CPUs the rank may run on, read back
};

/// One case: a row of /cases, its samples and its per-rank data. A shard holds one record of one launch; a study file
/// holds one record a case with the samples of all launches.
struct Record {
  std::string hash;  ///< hexadecimal SHA-256 of the case, also the column `hash`
  std::vector<Column> columns;
  std::vector<Sample> samples;
  std::vector<RankRecord> ranks;

  /// The value of that column, or nullptr.
  const Value* find(std::string_view column) const;
  /// The same as a number; NaN if absent, unknown or text. Flags are 0 or 1.
  double number(std::string_view column) const;
  /// The same as an index; unknown_index if absent.
  Index index(std::string_view column) const;
  /// The same as text; "" if absent.
  std::string text(std::string_view column) const;
  bool flag(std::string_view column) const;
  void set(std::string_view column, Value value);  ///< of an existing column
};

/// A measured limit of the machine: what the ranks of one host reach together, or how long a message takes.
struct Ceiling {
  std::string quantity;  ///< fma_f32, read_bandwidth, message, ...: docs/results_format.md has the list
  std::string unit;
  std::string host;        ///< "a - b" for a message between two, "" for all hosts together
  Index ranks = 0;         ///< of the launch that measured
  Index participants = 0;  ///< of these, on that host, or those that exchanged messages
  Index message_bytes = unknown_index;
  double value = 0;
  Index launch = 0;

  auto operator<=>(const Ceiling&) const = default;
};

/// A study in memory: what a shard or a merged file holds.
struct Study {
  std::string name;
  std::string label;  ///< "quick" for a run that is not meant for publication; shown on every figure
  bool complete = false;
  std::vector<Record> records;
  Values provenance;   ///< command, git state, compiler, MPI, BLAS, host facts: text by name
  Values environment;  ///< scheduler and launch facts
  std::vector<Ceiling> ceilings;
};

}  // namespace breakeven
