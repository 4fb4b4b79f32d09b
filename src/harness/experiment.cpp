#include "harness/experiment.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/sha256.hpp"

namespace breakeven {
namespace {

nlohmann::ordered_json to_json(const Value& value) {
  if (is_unknown(value)) return nullptr;
  return std::visit([](const auto& plain) { return nlohmann::ordered_json(plain); }, value);
}

/// SHA-256 of the canonical JSON (keys sorted) of full name, factors, parameters, seed and the input's own hash: no
/// launch, host, path or time. The rank count is a factor: a shard of 2 ranks is no answer for 4.
std::string case_hash(const Group& group, const Case& which, int ranks, const InputFile* file) {
  nlohmann::json canonical;  // ordered by key
  canonical["method"] = which.entry.full_name();
  canonical["dtype"] = to_text(group.precision);
  canonical["seed"] = group.seed;
  canonical["ranks"] = ranks;
  if (file != nullptr) canonical["input"] = file->sha256();
  for (const NamedValue& factor : group.problem->spec_values(group.spec))
    canonical["spec"][factor.name] = to_json(factor.value);
  for (const NamedValue& parameter : which.entry.type->param_values(which.params))
    canonical["params"][parameter.name] = to_json(parameter.value);
  return sha256(canonical.dump());
}

/// With an input file, sizes that were not asked for are unknown until the file tells, and so are words to choose from.
Assignment leave_open(const std::vector<FieldInfo>& fields, Assignment assignment) {
  for (const auto& [name, value] : assignment)  // here, since a spec does not tell a default from what was asked for
    if (name == "data") throw BadRequest("data must not be given with an input file, got '" + to_text(value) + "'");
  for (const FieldInfo& field : fields) {
    const bool given =
        std::any_of(assignment.begin(), assignment.end(), [&](const auto& a) { return a.first == field.name; });
    if (given) continue;
    if (std::holds_alternative<Index>(field.default_value)) assignment.emplace_back(field.name, unknown_index);
    if (std::holds_alternative<double>(field.default_value))
      assignment.emplace_back(field.name, std::numeric_limits<double>::quiet_NaN());
    if (!field.choices.empty()) assignment.emplace_back(field.name, std::string());
  }
  return assignment;
}

/// Why a method that nobody asked for cannot do the task; "" if it can. Others throw.
std::string refusal(const Experiment::MethodAxes& method, const Group& group, const Case& candidate) {
  try {
    candidate.entry.type->validate(group.precision, group.spec, candidate.params);
  } catch (const BadRequest& error) {
    if (!method.may_refuse) throw;
    return error.what();
  }
  return "";
}

/// Fills `cases` and `left_out`.
void add_cases(const Experiment& experiment, const Registry& registry, int ranks, const InputFile* file, Group& group) {
  std::vector<Case>& cases = group.cases;
  for (const Experiment::MethodAxes& method : experiment.methods) {
    const MethodEntry& entry = registry.method(experiment.family, experiment.problem, method.name);
    for (const Assignment& assignment : product(method.axes)) {
      Case candidate{entry, entry.type->make_params(assignment), {}, {}};
      if (const std::string reason = refusal(method, group, candidate); !reason.empty()) {
        group.left_out.push_back(method.name + ": " + reason);
        continue;
      }
      candidate.layout = entry.type->layout(group.precision, group.spec, candidate.params, ranks);
      candidate.hash = case_hash(group, candidate, ranks, file);
      const bool duplicate =
          std::any_of(cases.begin(), cases.end(), [&](const Case& c) { return c.hash == candidate.hash; });
      if (!duplicate) cases.push_back(std::move(candidate));
    }
  }
  if (cases.empty() && !group.left_out.empty()) throw BadRequest("no method can do this: " + group.left_out.front());
}

void append(std::vector<Column>& columns, const Values& values, const std::string& kind) {
  for (const NamedValue& value : values) columns.push_back({value.name, value.value, value.unit, value.help, kind});
}

}  // namespace

std::vector<Group> expand(const Experiment& experiment, const Registry& registry, int ranks, const InputFile* file) {
  const ProblemType& problem = registry.problem(experiment.family, experiment.problem);
  std::vector<Group> groups;
  for (const Precision precision : experiment.precisions)
    for (const Index seed : experiment.seeds)
      for (const Assignment& assignment : product(experiment.spec_axes)) {
        Group group{&problem, precision, seed, {}, {}, {}};
        if (file == nullptr)
          group.spec = problem.make_spec(assignment);
        else
          group.spec = problem.from_input(problem.make_spec(leave_open(problem.fields(), assignment)), *file);
        problem.validate(group.spec);
        add_cases(experiment, registry, ranks, file, group);
        // Two spellings of one specification (d-value 0 and d) are one group: the same cases, hash for hash.
        const bool duplicate = std::any_of(groups.begin(), groups.end(), [&](const Group& earlier) {
          return !group.cases.empty() && earlier.cases.front().hash == group.cases.front().hash;
        });
        if (!duplicate) groups.push_back(std::move(group));
      }
  return groups;
}

std::vector<Column> identity_columns(const Group& group, const Case& which, const std::any& spec,
                                     const InputFile* file) {
  const MethodEntry& entry = which.entry;
  std::vector<Column> columns{{"hash", which.hash, "", "SHA-256 of the case", "identity"},
                              {"family", entry.family, "", "family of the problem", "identity"},
                              {"problem", entry.problem, "", "problem", "identity"},
                              {"method", entry.type->name(), "", "method", "identity"},
                              {"role", to_text(entry.role), "", "exact, fast, reference or peer", "identity"},
                              {"paper", entry.paper, "", "arXiv number of the method's source", "identity"},
                              {"dtype", to_text(group.precision), "", "scalar of data and answer", "factor"}};
  append(columns, group.problem->spec_values(spec), "factor");
  columns.push_back({"seed", group.seed, "1", "seed of data and checked rows", "factor"});
  columns.push_back({"input", file == nullptr ? "" : std::filesystem::path(file->path()).filename().string(), "",
                     "name of the input file", "factor"});
  columns.push_back({"input_sha256", file == nullptr ? "" : file->sha256(), "", "SHA-256 of the input file", "factor"});
  append(columns, which.entry.type->param_values(which.params), "parameter");
  return columns;
}

}  // namespace breakeven
