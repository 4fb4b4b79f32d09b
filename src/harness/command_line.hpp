#pragma once

#include <optional>
#include <string>

#include "harness/experiment.hpp"

namespace breakeven {

/// The command line of the family's driver: either an experiment, or text to print (--help, --list) and nothing to run.
struct CommandLine {
  Experiment experiment;
  std::string text;  ///< not empty: print it and exit 0
};

/// Pure; throws BadRequest that names the option, with the nearest known one. Options are accepted if the problem or
/// any chosen method declares them.
CommandLine parse_command_line(int argc, const char* const* argv, const std::string& family, const Registry& registry);

/// Table of problems and methods with role, source and parameters.
std::string list_methods(const Registry&, const std::string& family);

}  // namespace breakeven
