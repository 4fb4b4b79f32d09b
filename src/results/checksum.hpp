#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace breakeven {

/// Appends the line that verify_checksum() looks for.
void append_checksum(std::vector<std::byte>& bytes);

/// Throws BadRequest if `path` ends with a checksum line that does not fit what stands before it. To be called before
/// HDF5 sees the file: HDF5 1.10 may crash on a damaged one. Throws ForeignFile if it cannot be read at all. True if
/// there was such a line; a file that another program rewrote has none.
bool verify_checksum(const std::string& path);

}  // namespace breakeven
