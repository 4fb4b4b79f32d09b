#pragma once

#include <string>

#include "harness/registry.hpp"
#include "results/folder_lock.hpp"

namespace breakeven {

/// What a results file says about the program that measured: command line, code, compiler, libraries, host.
Values provenance_of(int argc, char** argv);

/// From now on this launch alone measures what goes into that shard. Launches that share a folder are kept apart shard
/// by shard and no further: jobs that measure different cases, or different launches of the same, may share one.
/// Errors: BadRequest that names the holder.
void claim(const FolderLock& lock, const std::string& shard);

/// main() of a family's MPI program: command line to shards. See ARCHITECTURE in docs/, section "One straight line".
int drive(int argc, char** argv, const std::string& family, const Registry& registry);

}  // namespace breakeven
