#pragma once

#include <string>

/// HDF5 1.10 may crash on a damaged file, or loop for ever. A process of its own reads it first: its death is then one
/// line about the file. The programs ask before they open what nobody vouches for.
namespace breakeven {

/// An input file: read through by the probe. Errors: BadRequest, one line that names the file.
void probe_input(const std::string& path);
/// A shard or study. One whose bytes fit its checksum line is as this suite wrote it and is not probed. Errors: as
/// above; ForeignFile if it is not ours.
void probe_results(const std::string& path);

/// The other side, `breakeven probe input|results FILE`: returns the exit code, and prints on stdout what is wrong.
int run_probe(const std::string& kind, const std::string& path);

}  // namespace breakeven
