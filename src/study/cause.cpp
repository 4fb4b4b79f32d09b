#include "study/cause.hpp"

#include <array>
#include <regex>

namespace breakeven {
namespace {

struct Pattern {
  const char* line;  ///< ECMAScript, searched for in a line
  const char* cause;
};

/// Best first. What Open MPI and Slurm call a node, and where the name stands in their messages.
constexpr std::array patterns{
    Pattern{R"(^breakeven: (.+))", "$1"},
    Pattern{R"(^(\[rank \d+/\d+\] .+))", "$1"},
    Pattern{R"(noticed that process rank (\d+) with PID \d+ on node (\S+) (exited on signal .*\S)\.)",
            "rank $1 on $2 $3"},
    Pattern{R"(^srun: error: (Node failure on .+))", "$1"},
    Pattern{R"(^srun: error: ([^\s:]+): tasks? ([^:]+): (.+))", "rank $2 on $1: $3"},
    Pattern{R"(^ssh: (connect to host .+))", "$1"},
    Pattern{R"(^Connection to (\S+) closed by remote host)", "the connection to $1 was lost"},  // says ssh
    Pattern{R"(^\s*Remote daemon: \S+ on node (\S+))", "the connection to $1 was lost"},
    Pattern{R"(^\s*target node:\s+(\S+))", "no way to reach $1"},
    Pattern{R"(^\s*Peer host:\s+(\S+))", "a rank on $1 hung up"},
    // Said of a daemon whose remote shell ended, whenever that was, and without a name.
    Pattern{R"(ORTE was unable to reliably start one or more daemons)", "a host was lost, or did not start its ranks"},
};

}  // namespace

void Cause::absorb(std::string_view line) {
  static const auto compiled = [] {
    std::array<std::regex, patterns.size()> all;
    for (std::size_t i = 0; i < patterns.size(); ++i) all[i] = std::regex(patterns[i].line);
    return all;
  }();
  if (line.size() > 1000) return;  // no launcher's line; std::regex recurses once a character
  for (std::size_t i = 0; i < patterns.size() && i < rank_; ++i) {
    std::cmatch match;
    if (!std::regex_search(line.data(), line.data() + line.size(), match, compiled[i])) continue;
    rank_ = i;
    text_ = match.format(patterns[i].cause);
    return;
  }
}

}  // namespace breakeven
