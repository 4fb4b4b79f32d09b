#include "harness/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <sstream>

#include "base/error.hpp"

namespace breakeven {
namespace {

/// The options as text, before they are given meaning.
struct RawOptions {
  std::string problem, methods, dtype, seed = "1";
  std::string repetitions = "15", warmup = "2", budget = "60", launch = "0", timeout = "0";
  std::string format = "table";
  std::map<std::string, std::vector<std::string>> swept;  // the problem's and the methods' options that were given
};

std::string join(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');)
    if (std::find(names.begin(), names.end(), item) == names.end()) names.push_back(item);
  return names;
}

std::string default_text(const FieldInfo& field) {
  const std::string text = to_text(field.default_value);
  return text.empty() ? "" : " [" + text + "]";
}

/// "f32 or f64", in the order of the enumeration.
std::string alternatives(std::vector<Precision> precisions) {
  std::sort(precisions.begin(), precisions.end());
  std::vector<std::string> words;
  for (const Precision precision : precisions) words.push_back(to_text(precision));
  return join(words, " or ");
}

/// `precisions`: what the problem is solved in, the default first.
void add_common(CLI::App& app, RawOptions& raw, Experiment& experiment, const std::vector<Precision>& precisions) {
  const auto common = [&](const char* name, std::string& text, const std::string& help) {
    app.add_option(name, text, help)->group("Every case")->type_name("LIST");
  };
  app.add_option("--problem", raw.problem, "problem of the family (--list shows them)")
      ->group("What")
      ->type_name("NAME");
  app.add_option("--methods", raw.methods,
                 "methods, separated by commas; default: all exact and fast ones that can do the task")
      ->group("What")
      ->type_name("LIST");
  app.add_option("--input", experiment.input, "HDF5 file with the data; sizes come from it")
      ->group("What")
      ->type_name("FILE");
  common("--dtype", raw.dtype,
         "scalar: " + (precisions.size() == 1 ? to_text(precisions.front()) : "f32, f64 or both") + " [" +
             to_text(precisions.front()) + "]");
  common("--seed", raw.seed, "seed of data and checked rows [1]");
  const auto scalar = [&](const char* name, std::string& text, const char* help) {
    app.add_option(name, text, help)->group("Measuring")->type_name("N");
  };
  scalar("--repetitions", raw.repetitions, "timed repetitions at most [15]");
  scalar("--warmup", raw.warmup, "untimed repetitions before, within a tenth of the budget [2]");
  scalar("--budget", raw.budget, "seconds a case may take [60]");
  scalar("--timeout", raw.timeout, "seconds after which a phase is given up [the larger of 600 and 10 x budget]");
  scalar("--launch", raw.launch, "number of this launch in a study [0]");
  app.add_flag("--require-certificate", experiment.require_certificate, "an answer without a certificate fails")
      ->group("Measuring");
  app.add_option("--out", experiment.out, "folder for shards and solutions; default: write none")
      ->group("Results")
      ->type_name("DIR");
  app.add_flag("--save-solution", experiment.save_solution, "write DIR/solutions/<case hash>.h5")->group("Results");
  app.add_flag("--reuse-older", experiment.reuse_older, "take finished shards of another git state for finished")
      ->group("Results");
  app.add_option("--study", experiment.study, "name stored in the shards [adhoc]")->group("Results")->type_name("NAME");
  app.add_option("--label", experiment.label, "label shown on every figure, such as quick")
      ->group("Results")
      ->type_name("TEXT");
  app.add_option("--format", raw.format, "rows on stdout: table, json (one object a line) or csv [table]")
      ->group("Results")
      ->type_name("NAME");
  app.add_flag("--quiet", experiment.quiet, "no progress on stderr")->group("Results");
  app.add_flag("--dry-run", experiment.dry_run, "print bytes, flops and messages of every case, run nothing");
  app.add_flag("--list", experiment.list, "print problems and methods");
}

void add_swept(CLI::App& app, RawOptions& raw, const std::vector<FieldInfo>& fields, const std::string& group) {
  for (const FieldInfo& field : fields) {
    const std::string option = "--" + field.name;
    if (CLI::Option* known = app.get_option_no_throw(option); known != nullptr) {  // two methods share it
      known->group(known->get_group() + ", " + group);
      continue;
    }
    const std::string choices = field.choices.empty() ? "" : " (" + join(field.choices, ", ") + ")";
    app.add_option(option, raw.swept[field.name], field.help + choices + default_text(field))
        ->group(group)
        ->type_name("LIST")
        ->expected(0, 1)
        ->default_str("");
  }
}

/// An option that nothing declares, with the nearest one that something does.
[[noreturn]] void unknown_option(const CLI::App& app, const std::string& given) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (!option->get_lnames().empty()) names.push_back("--" + option->get_lnames().front());
  const std::string near = did_you_mean(given.substr(0, given.find('=')), names);
  throw BadRequest("unknown option " + given + (near.empty() ? "; --help lists all" : "; did you mean " + near + "?"));
}

void parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.allow_extras();
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw BadRequest(error.what());
  }
}

std::vector<Axis> given_axes(const RawOptions& raw, const std::vector<FieldInfo>& fields) {
  std::vector<Axis> axes;
  for (const FieldInfo& field : fields) {
    const auto found = raw.swept.find(field.name);
    if (found == raw.swept.end() || found->second.empty()) continue;
    const std::string text = found->second.front();
    const bool flag = std::holds_alternative<bool>(field.default_value);
    axes.push_back({field.name, expand_list(flag && text.empty() ? "true" : text, field)});
  }
  return axes;
}

Index at_least(std::string_view option, Index bound, const std::string& text) {
  const Index value = parse_index(text, option);
  if (value < bound)
    throw BadRequest(std::string(option) + " must be at least " + std::to_string(bound) + ", got " + text);
  return value;
}

std::vector<Precision> read_precisions(const std::string& dtype, const ProblemType& problem) {
  const std::vector<Precision> possible = problem.precisions();
  if (dtype.empty()) return {possible.front()};
  std::vector<Precision> precisions;
  for (const std::string& name : split_names(dtype)) {
    const std::optional<Precision> precision = precision_from_text(name);
    if (!precision || std::find(possible.begin(), possible.end(), *precision) == possible.end())
      throw BadRequest("dtype must be " + alternatives(possible) +
                       (possible.size() > 1 ? "" : ", the only one of " + problem.family() + "/" + problem.name()) +
                       ", got '" + name + "'");
    precisions.push_back(*precision);
  }
  return precisions;
}

void read_common(const RawOptions& raw, const ProblemType& problem, Experiment& experiment) {
  experiment.precisions = read_precisions(raw.dtype, problem);
  experiment.seeds.clear();
  for (const Value& seed : expand_list(raw.seed, {"seed", "", "", Index{1}, {}})) {
    if (std::get<Index>(seed) < 0) throw BadRequest("seed must be at least 0, got " + to_text(seed));
    experiment.seeds.push_back(std::get<Index>(seed));
  }
  experiment.protocol.repetitions = at_least("repetitions", 1, raw.repetitions);
  experiment.protocol.warmup = at_least("warmup", 0, raw.warmup);
  experiment.launch = at_least("launch", 0, raw.launch);
  experiment.protocol.budget_s = parse_number(raw.budget, "budget");
  experiment.timeout_s = parse_number(raw.timeout, "timeout");
  if (experiment.protocol.budget_s <= 0) throw BadRequest("budget must be positive, got " + raw.budget);
  if (experiment.timeout_s < 0) throw BadRequest("timeout must be at least 0, got " + raw.timeout);
  if (raw.format != "table" && raw.format != "json" && raw.format != "csv")
    throw BadRequest("format must be table, json or csv, got '" + raw.format + "'");
  experiment.format = raw.format;
  if (experiment.save_solution && experiment.out.empty()) throw BadRequest("save-solution needs --out DIR");
}

std::vector<std::string> default_methods(const Registry& registry, const std::string& family,
                                         const std::string& problem) {
  std::vector<std::string> names;
  for (const MethodEntry& entry : registry.methods_of(family, problem))
    if (entry.role == Role::exact || entry.role == Role::fast) names.push_back(entry.type->name());
  return names;
}

/// Commands to copy, made of what this family has: its problem's first exact and first fast method.
std::string examples(const Registry& registry, const std::string& family, const std::string& problem) {
  std::string exact, fast;
  for (const MethodEntry& entry : registry.methods_of(family, problem)) {
    if (entry.role == Role::exact && exact.empty()) exact = entry.type->name();
    if (entry.role == Role::fast && fast.empty()) fast = entry.type->name();
  }
  const std::string both = exact.empty() || fast.empty() ? exact + fast : exact + "," + fast;
  return fmt::format(
      "Lists: a,b,c or ranges a..b*2 and a..b+c, suffixes k, M, Ki, Mi; a sweep is the product.\n\n"
      "Examples:\n"
      "  mpiexec -n 2 {0} --problem {1} --methods {2} --n 256..16Ki*2{4}\n"
      "  mpiexec -n 4 {0} --problem {1} --methods {3} --n 8Ki --out results/adhoc\n"
      "  {0} --problem {1} --dry-run --n 1Mi\n\n"
      "Exit codes: 0 ok, 1 failure at run time, 2 bad request, 3 a result failed its check, 75 stopped early.\n",
      family, problem, both, exact.empty() ? fast : exact,
      registry.problem(family, problem).precisions().size() > 1 ? " --dtype f32,f64" : "");
}

}  // namespace

std::string list_methods(const Registry& registry, const std::string& family) {
  std::string text;
  for (const auto& problem : registry.problems()) {
    if (problem->family() != family && !family.empty()) continue;
    text += problem->family() + "/" + problem->name() + "\n";
    for (const MethodEntry& entry : registry.methods_of(problem->family(), problem->name())) {
      std::vector<std::string> options;
      for (const FieldInfo& field : entry.type->fields()) options.push_back("--" + field.name);
      text += fmt::format("  {:<40} {:<10} {:<12} {}\n", entry.full_name(), to_text(entry.role), entry.paper,
                          join(options, " "));
    }
  }
  return text;
}

CommandLine parse_command_line(int argc, const char* const* argv, const std::string& family, const Registry& registry) {
  CommandLine line;
  Experiment& experiment = line.experiment;
  experiment.family = family;
  RawOptions first;
  CLI::App names("", family);  // a first reading finds problem and methods, which decide what else is accepted
  names.set_help_flag();
  Experiment ignored;
  add_common(names, first, ignored, {Precision::f64});
  parse(names, argc, argv);

  for (const auto& problem : registry.problems())
    if (experiment.problem.empty() && problem->family() == family) experiment.problem = problem->name();
  if (!first.problem.empty()) experiment.problem = first.problem;
  const ProblemType& problem = registry.problem(family, experiment.problem);
  const std::vector<std::string> methods =
      first.methods.empty() ? default_methods(registry, family, experiment.problem) : split_names(first.methods);

  RawOptions raw;
  CLI::App app(fmt::format("breakeven, family {}: times methods beside exact ones and checks every answer.", family),
               family);
  app.footer(examples(registry, family, experiment.problem));
  add_common(app, raw, experiment, problem.precisions());
  add_swept(app, raw, problem.fields(), fmt::format("Problem {}/{} (swept)", family, experiment.problem));
  for (const std::string& method : methods)
    add_swept(app, raw, registry.method(family, experiment.problem, method).type->fields(),
              fmt::format("Method {} (swept)", method));
  try {
    app.allow_extras();
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    line.text = app.help();
    return line;
  } catch (const CLI::ParseError& error) {
    throw BadRequest(error.what());
  }
  if (!app.remaining().empty()) unknown_option(app, app.remaining().front());
  if (experiment.list) {
    line.text = list_methods(registry, family);
    return line;
  }
  read_common(raw, problem, experiment);
  experiment.spec_axes = given_axes(raw, problem.fields());
  for (const std::string& method : methods) {
    const std::vector<Axis> axes = given_axes(raw, registry.method(family, experiment.problem, method).type->fields());
    experiment.methods.push_back({method, axes, first.methods.empty() && axes.empty()});
  }
  return line;
}

}  // namespace breakeven
