#include <algorithm>

#include "base/sweep.hpp"
#include "outcome.hpp"
#include "study/study_file.hpp"

namespace {

using namespace breakeven;

/// One problem with two methods, as the registry would answer.
std::vector<std::string> accepted(const std::string& problem, const std::vector<std::string>& methods) {
  if (problem != "attention/forward") throw BadRequest("problem must be attention/forward, got " + in_quotes(problem));
  std::vector<std::string> names{"n", "d", "d-value", "heads", "causal", "bound"};
  for (const std::string& method : methods) {
    if (method != "ring" && method != "polynomial") throw BadRequest("no method " + in_quotes(method));
    if (method == "polynomial") names.insert(names.end(), {"degree", "tolerance"});
  }
  return names;
}

void check_value(const std::string&, const std::vector<std::string>&, const std::string& option,
                 const std::string& text) {
  expand_list(text, {option, "", "1", Index{1}, {}});
}

}  // namespace

/// The study file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::parse([&] {
    const StudyFile study = parse_study(text, "study.toml", accepted, check_value);
    if (study.sweeps.empty()) fuzz::finding("a study without sweeps");
  });
  return 0;
}
