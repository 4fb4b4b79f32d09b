#include "harness/registry.hpp"

#include "base/error.hpp"

namespace breakeven {
namespace {

[[noreturn]] void unknown_name(const std::string& option, const std::string& name,
                               const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& candidate : known) list += (list.empty() ? "" : ", ") + candidate;
  const std::string near = did_you_mean(name, known);
  throw BadRequest(option + " must be one of " + list + ", got '" + name + "'" +
                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace

std::string to_text(Role role) {
  switch (role) {
    case Role::exact:
      return "exact";
    case Role::fast:
      return "fast";
    case Role::reference:
      return "reference";
    default:
      return "peer";
  }
}

std::string to_text(Precision precision) {
  return precision == Precision::f32 ? "f32" : precision == Precision::f64 ? "f64" : "bit";
}

std::optional<Precision> precision_from_text(const std::string& text) {
  for (const Precision precision : {Precision::f32, Precision::f64, Precision::bit})
    if (text == to_text(precision)) return precision;
  return std::nullopt;
}

const ProblemType* Registry::find_problem(const std::string& family, const std::string& name) const {
  for (const auto& problem : problems_)
    if (problem->family() == family && problem->name() == name) return problem.get();
  return nullptr;
}

const ProblemType& Registry::problem(const std::string& family, const std::string& name) const {
  if (const ProblemType* found = find_problem(family, name)) return *found;
  std::vector<std::string> known;
  for (const auto& problem : problems_)
    if (problem->family() == family) known.push_back(problem->name());
  unknown_name("problem", name, known);
}

const MethodEntry& Registry::method(const std::string& family, const std::string& problem,
                                    const std::string& name) const {
  std::vector<std::string> known;
  for (const MethodEntry& entry : methods_) {
    if (entry.family != family || entry.problem != problem) continue;
    if (entry.type->name() == name) return entry;
    known.push_back(entry.type->name());
  }
  unknown_name("methods", name, known);
}

std::vector<MethodEntry> Registry::methods_of(const std::string& family, const std::string& problem) const {
  std::vector<MethodEntry> found;
  for (const MethodEntry& entry : methods_)
    if (entry.family == family && entry.problem == problem) found.push_back(entry);
  return found;
}

}  // namespace breakeven
