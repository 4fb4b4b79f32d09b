#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// Writes a study or a shard: the schema of docs/results_format.md. The file appears whole or not at all.
/// Columns are the union over the records, ordered by kind and then as they first appear; a record without a column
/// gets its unknown value. Text that is no valid UTF-8 is stored with replacement characters.
/// Errors: Failure with path and reason (no space, no permission, two records of one hash, one column of two types).
/// Cost: the file is composed in memory, so that a full disk is an ordinary error of write() and HDF5 never meets it.
void write_study(const Study& study, const std::string& path);

/// Several files of which, short of a death between two renames, all appear or none: the shards of a group.
struct StudyAt {
  std::string path;
  Study study;
};
void write_studies(const std::vector<StudyAt>& studies);

/// Reads what write_study wrote, a shard or a study. Equal to what was written, except that a record whose
/// columns were fewer than the union's comes back with unknown values (flags: without the column).
/// Errors: BadRequest, one line that names the path: missing, truncated, damaged or inconsistent; ForeignFile: not
/// HDF5, no results file, or of another major version. Every length is checked before anything is allocated by it.
Study read_study(const std::string& path);

/// Throws, as read_study does, if HDF5 would not survive this file. Where it comes from: drivers/probe.hpp.
using Probe = std::function<void(const std::string& path)>;

/// What stands on the first page of a results file: its root attributes.
struct StudyHeader {
  std::string format_version, created, writer, writer_git, study, label;
  bool complete = false;
};
/// The study with what else its file tells.
struct StoredStudy {
  Study study;
  StudyHeader header;
  bool verified = false;  ///< its bytes fit its checksum: this suite wrote it
};
StoredStudy read_stored(const std::string& path);

/// FOLDER/shards/<first 16 digits of the hash>-<launch>.h5
std::string shard_path(const std::string& folder, std::string_view hash, Index launch);

/// FOLDER/shards/calibration-<ranks>-<launch>.h5: a shard without cases that holds the ceilings of the machine.
std::string calibration_path(const std::string& folder, Index ranks, Index launch);

/// Whether a shard may stand for what it is named after, so that it need not be measured again.
enum class ShardState {
  missing,
  foreign,     ///< no results file, or one of another version: not ours to replace
  unusable,    ///< damaged, incomplete or of another case
  other_code,  ///< whole, but measured by another git state
  elsewhere,   ///< ceilings, whole, of the same git state, but of other hosts
  finished,    ///< whole and of the same git state
};
struct FoundShard {
  ShardState state = ShardState::missing;
  std::string reason;  ///< of `foreign` and `unusable`: one line that begins with the path
};
/// Reads the whole shard, after the probe: existence is no integrity.
FoundShard find_shard(const std::string& path, std::string_view hash, std::string_view writer_git,
                      const Probe& probe = {});
/// The same of a shard that holds ceilings; `fits` tells those of other hosts.
FoundShard find_calibration(const std::string& path, std::string_view writer_git, const Probe& probe = {},
                            const std::function<bool(const std::vector<Ceiling>&)>& fits = {});
/// Throws BadRequest, with the reason, if a shard must not be written over what was found.
void require_replaceable(const FoundShard& found);

}  // namespace breakeven
