#pragma once

#include <string>
#include <vector>

#include "base/solution_array.hpp"
#include "comm/communicator.hpp"
#include "harness/record.hpp"

namespace breakeven {

/// Writes the arrays to one HDF5 file, every rank its own rows, in global order whatever the layout, and `columns` as
/// attributes of the root (unknown values are left out). The file appears under its name whole or not at all, and can
/// be an input file of another run.
/// Collective over `comm`; all ranks give the same path, columns, names, shapes and types. Written bytes per rank: its
/// own rows. Errors: a CollectiveError, the same on every rank.
void write_solution(const Communicator& comm, const std::string& path, const std::vector<Column>& columns,
                    const std::vector<SolutionArray>& arrays);

}  // namespace breakeven
