#pragma once

#include <string>

#include "harness/registry.hpp"

namespace breakeven {

/// What a results file says about the program that measured: command line, code, compiler, libraries, host.
Values provenance_of(int argc, char** argv);

/// main() of a family's MPI program: command line to shards. See ARCHITECTURE in docs/, section "One straight line".
int drive(int argc, char** argv, const std::string& family, const Registry& registry);

}  // namespace breakeven
