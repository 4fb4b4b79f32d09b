#pragma once

#include <string>
#include <vector>

namespace breakeven {

/// The distinct command lines of a study's shards, in order of appearance, separated by " | ". Those that differ in
/// their launch alone are one, with all its launches: "attention --n 8 --launch 0,1,2". Pure.
std::string joined_commands(const std::vector<std::string>& commands);

}  // namespace breakeven
