#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// The option names that a problem ("attention/forward") and these methods declare together, without the drivers'
/// common options. Throws BadRequest for an unknown problem or method. The front end answers from the registry, so that
/// this layer knows no method.
using AcceptedOptions =
    std::function<std::vector<std::string>(const std::string& problem, const std::vector<std::string>& methods)>;

/// Throws BadRequest if `text` is no value (or list) of `option`. Optional: without it the driver finds out.
using ValueCheck = std::function<void(const std::string& problem, const std::vector<std::string>& methods,
                                      const std::string& option, const std::string& text)>;

/// One option of a sweep as the driver will read it.
struct SweepOption {
  std::string name;             ///< written with dashes: d-value
  std::string text;             ///< "64,128" or "64..4Ki*2", passed on as it stands
  bool is_switch = false;       ///< takes no argument: present if text is "true"
  Index count = 1;              ///< values it expands to
  std::vector<double> numbers;  ///< those values if they are numbers; for the estimate of cost
};

/// Rank counts; `all_cores` stands for every core of the machine that runs the study.
inline constexpr int all_cores = 0;

struct Sweep {
  std::string family;   ///< "attention": the driver
  std::string problem;  ///< "forward"
  std::vector<std::string> methods;
  Index launches = 0;
  std::vector<int> ranks;
  std::vector<SweepOption> options;  ///< in the order of the file
  Index cases = 0;                   ///< of one launch: an option multiplies only the methods that declare it
};

struct StudyFile {
  std::string name;
  std::string label;
  std::uint64_t seed = 0;  ///< of the order of launches; derived from the name unless given
  std::vector<Sweep> sweeps;
};

/// A study from the text of its file. Pure: reads nothing, runs nothing.
/// Errors: BadRequest "path:line:column: message" for broken TOML, unknown keys (with the nearest known one), wrong
/// types and bad values; texts above 1 MiB and nested values are refused.
StudyFile parse_study(std::string_view text, const std::string& path, const AcceptedOptions& accepted,
                      const ValueCheck& check = {});

/// The same from a file; BadRequest if it cannot be read.
StudyFile read_study(const std::string& path, const AcceptedOptions& accepted, const ValueCheck& check = {});

}  // namespace breakeven
