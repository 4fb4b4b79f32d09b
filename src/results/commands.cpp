#include "results/commands.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "base/index.hpp"

namespace breakeven {
namespace {

/// A command line around the number of its launch.
struct Command {
  std::string before, after;
  std::optional<Index> launch;
  auto around() const { return std::pair(before, after); }
};

Command split(const std::string& line) {
  for (const std::string option : {" --launch=", " --launch "}) {
    const std::size_t found = line.find(option);
    if (found == std::string::npos) continue;
    const std::size_t begin = found + option.size();
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    Index launch = 0;
    const auto parsed = std::from_chars(line.data() + begin, line.data() + end, launch);
    if (parsed.ec == std::errc() && parsed.ptr == line.data() + end)
      return {line.substr(0, begin), line.substr(end), launch};
  }
  return {line, "", std::nullopt};
}

}  // namespace

std::string joined_commands(const std::vector<std::string>& commands) {
  std::vector<Command> distinct;
  std::map<std::pair<std::string, std::string>, std::set<Index>> launches;
  for (const std::string& line : commands) {
    const Command command = split(line);
    const auto [entry, is_new] = launches.try_emplace(command.around());
    if (is_new) distinct.push_back(command);
    if (command.launch) entry->second.insert(*command.launch);
  }
  std::string text;
  for (const Command& command : distinct) {
    text += (text.empty() ? "" : " | ") + command.before;
    std::string list;
    for (const Index launch : launches.at(command.around())) list += (list.empty() ? "" : ",") + std::to_string(launch);
    text += list + command.after;
  }
  return text;
}

}  // namespace breakeven
