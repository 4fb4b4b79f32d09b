#include "study/study_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/sweep.hpp"
#include "base/value.hpp"
#include "study/toml_reader.hpp"

namespace breakeven {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;
constexpr Index most_launches = 1000;
constexpr Index most_ranks = Index{1} << 20;
constexpr Index most_cases = 10'000'000;

/// An option of every driver. Only `dtype` and `seed` are factors and take lists.
struct CommonOption {
  enum class Kind { text, index, number, flag };
  std::string_view name;
  Kind kind;
  bool is_list = false;
  double at_least = 0;
  std::string_view expected;
};
constexpr CommonOption common_options[] = {
    {"dtype", CommonOption::Kind::text, true, 0, "f32, f64 or bit"},
    {"seed", CommonOption::Kind::index, true, 0, "a whole number of at least 0"},
    {"repetitions", CommonOption::Kind::index, false, 1, "a whole number of at least 1"},
    {"warmup", CommonOption::Kind::index, false, 0, "a whole number of at least 0"},
    {"budget", CommonOption::Kind::number, false, 1e-9, "a number of seconds above 0"},
    {"timeout", CommonOption::Kind::number, false, 0, "a number of seconds of at least 0"},
    {"input", CommonOption::Kind::text, false, 0, "a file name"},
    {"save-solution", CommonOption::Kind::flag, false, 0, "true or false"},
    {"require-certificate", CommonOption::Kind::flag, false, 0, "true or false"},
};

const CommonOption* find_common(std::string_view name) {
  const auto at = std::find_if(std::begin(common_options), std::end(common_options),
                               [&](const CommonOption& option) { return option.name == name; });
  return at == std::end(common_options) ? nullptr : at;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> dashed(std::vector<std::string> names) {
  for (std::string& name : names) std::replace(name.begin(), name.end(), '_', '-');
  return names;
}

bool is_number_or_range(std::string_view item) {
  if (item.find("..") != std::string_view::npos) return true;
  try {
    parse_number(item, "");
    return true;
  } catch (const BadRequest&) {
    return false;
  }
}

/// Counts the values by the drivers' own rules. The type of an option is not known here: a list of numbers and ranges
/// is numeric, anything else is words.
void expand(SweepOption& option) {
  bool numeric = true;
  std::stringstream items(option.text);
  for (std::string item; std::getline(items, item, ',');) numeric = numeric && is_number_or_range(item);
  const Value kind = numeric ? Value(0.0) : Value(std::string());
  const std::vector<Value> values = expand_list(option.text, {option.name, "", "", kind, {}});
  option.count = static_cast<Index>(values.size());
  if (!numeric) return;
  for (const Value& value : values) option.numbers.push_back(std::get<double>(value));
}

void check_common(const CommonOption& common, const SweepOption& option) {
  const auto reject = [&] {
    throw BadRequest(option.name + " must be " + std::string(common.expected) + ", got '" + option.text + "'");
  };
  if (common.kind == CommonOption::Kind::flag && option.text != "true" && option.text != "false") reject();
  if (!common.is_list && option.count != 1)
    throw BadRequest(option.name + " takes one value, got '" + option.text + "'");
  if (common.name == "dtype") expand_list(option.text, {option.name, "", "", std::string(), {"f32", "f64", "bit"}});
  if (common.kind != CommonOption::Kind::index && common.kind != CommonOption::Kind::number) return;
  if (option.numbers.empty()) reject();
  for (const double number : option.numbers) {
    if (number < common.at_least) reject();
    if (common.kind == CommonOption::Kind::index && number != static_cast<double>(static_cast<Index>(number))) reject();
  }
}

SweepOption read_option(const TomlReader& reader, const TomlEntry& entry) {
  SweepOption option;
  option.name = entry.name;
  option.text = reader.text_of(entry);
  const CommonOption* common = find_common(entry.name);
  const bool is_file_name = entry.name == "input";  // not a list, and ".." in it is a folder
  if (!is_file_name) expand(option);
  if (common == nullptr) return option;
  option.is_switch = common->kind == CommonOption::Kind::flag;
  check_common(*common, option);
  return option;
}

std::vector<int> read_ranks(const TomlReader& reader, const TomlEntry& entry) {
  std::vector<int> ranks;
  for (const TomlScalar& item : reader.scalars(entry)) {
    int count = all_cores;
    if (const auto* number = std::get_if<Index>(&item.value); number && *number >= 1 && *number <= most_ranks)
      count = static_cast<int>(*number);
    else if (const auto* word = std::get_if<std::string>(&item.value); !word || *word != "all")
      reader.fail(item.where, "ranks must be a whole number of at least 1 or \"all\", or a list of these");
    if (std::find(ranks.begin(), ranks.end(), count) == ranks.end()) ranks.push_back(count);
  }
  return ranks;
}

/// family/problem, or the problem alone beside a key `family`.
void read_problem(const TomlReader& reader, const std::vector<TomlEntry>& entries, Sweep& sweep) {
  const TomlEntry& problem = reader.required(entries, "problem", "a sweep");
  const std::string text = reader.text(problem);
  const TomlEntry* family = reader.optional(entries, "family");
  const auto slash = text.find('/');
  sweep.problem = slash == std::string::npos ? text : text.substr(slash + 1);
  if (slash != std::string::npos) sweep.family = text.substr(0, slash);
  if (family != nullptr) {
    const std::string given = reader.text(*family);
    if (!sweep.family.empty() && given != sweep.family)
      reader.fail(family->where, "family is '" + given + "' but problem says '" + sweep.family + "'");
    sweep.family = given;
  }
  if (sweep.family.empty())
    reader.fail(problem.where,
                "problem must be written family/problem, such as \"attention/forward\", got '" + text + "'");
}

/// The number of cases of one launch: for each method the product of the lists that it, or every driver, declares.
Index count_cases(const Sweep& sweep, const AcceptedOptions& accepted) {
  double cases = 0;
  for (const std::string& method : sweep.methods) {
    const std::vector<std::string> names = dashed(accepted(sweep.family + "/" + sweep.problem, {method}));
    double product = 1;
    for (const SweepOption& option : sweep.options)
      if (find_common(option.name) != nullptr || contains(names, option.name))
        product *= static_cast<double>(option.count);
    cases += product;
  }
  if (cases > static_cast<double>(most_cases))
    throw BadRequest("the sweep has more than " + std::to_string(most_cases) + " cases; is there a slip in a range?");
  return static_cast<Index>(cases);
}

struct Defaults {
  Index launches = 5;
  std::vector<int> ranks;
};

void read_options(const TomlReader& reader, const std::vector<TomlEntry>& entries, const AcceptedOptions& accepted,
                  const ValueCheck& check, Sweep& sweep) {
  const std::vector<std::string> own_keys{"problem", "family", "methods", "launches", "ranks"};
  const std::string problem = sweep.family + "/" + sweep.problem;
  const std::vector<std::string> names = dashed(accepted(problem, sweep.methods));
  std::vector<std::string> known = own_keys;
  known.insert(known.end(), names.begin(), names.end());
  for (const CommonOption& common : common_options) known.emplace_back(common.name);
  for (const TomlEntry& entry : entries) {
    if (contains(own_keys, entry.name)) continue;
    if (!contains(known, entry.name)) reader.unknown_key(entry, known, "a sweep of " + problem);
    reader.at(entry.where, [&] {
      sweep.options.push_back(read_option(reader, entry));
      const SweepOption& option = sweep.options.back();
      if (check && find_common(option.name) == nullptr) check(problem, sweep.methods, option.name, option.text);
    });
  }
}

Sweep read_sweep(const TomlReader& reader, const TomlTable& table, const Defaults& defaults,
                 const AcceptedOptions& accepted, const ValueCheck& check) {
  const std::vector<TomlEntry> entries = reader.entries(table);
  Sweep sweep;
  read_problem(reader, entries, sweep);
  const TomlEntry& methods = reader.required(entries, "methods", "a sweep");
  for (const TomlScalar& item : reader.scalars(methods)) {
    const auto* name = std::get_if<std::string>(&item.value);
    if (name == nullptr) reader.fail(item.where, "methods must be a list of names");
    if (contains(sweep.methods, *name)) reader.fail(item.where, "method '" + *name + "' is listed twice");
    sweep.methods.push_back(*name);
  }
  const TomlEntry* launches = reader.optional(entries, "launches");
  sweep.launches = launches ? reader.whole_number(*launches, 1, most_launches) : defaults.launches;
  const TomlEntry* ranks = reader.optional(entries, "ranks");
  sweep.ranks = ranks ? read_ranks(reader, *ranks) : defaults.ranks;
  if (sweep.ranks.empty())
    reader.fail(table.where, "the key 'ranks' is missing: give it at the top of the study or in every sweep");
  reader.at(methods.where, [&] { read_options(reader, entries, accepted, check, sweep); });
  reader.at(table.where, [&] { sweep.cases = count_cases(sweep, accepted); });
  return sweep;
}

std::string read_name(const TomlReader& reader, const TomlEntry& entry) {
  const std::string name = reader.text(entry);
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  if (name.empty() || name.size() > 64 || name.front() == '-' || !std::all_of(name.begin(), name.end(), is_plain))
    reader.fail(entry.where, entry.name + " must be 1 to 64 of a-z, 0-9, _ and - (not first), got '" + name + "'");
  return name;
}

}  // namespace

StudyFile parse_study(std::string_view text, const std::string& path, const AcceptedOptions& accepted,
                      const ValueCheck& check) {
  if (text.size() > most_bytes)
    throw BadRequest(path + ": a study file is at most 1 MiB, got " + std::to_string(text.size()) + " bytes");
  const TomlReader reader(text, path);
  const std::vector<TomlEntry> entries = reader.entries(reader.root());
  const std::vector<std::string> known{"name", "label", "launches", "ranks", "seed", "sweep"};
  for (const TomlEntry& entry : entries)
    if (!contains(known, entry.name)) reader.unknown_key(entry, known, "a study");

  StudyFile study;
  study.name = read_name(reader, reader.required(entries, "name", "a study"));
  if (const TomlEntry* label = reader.optional(entries, "label")) study.label = read_name(reader, *label);
  const TomlEntry* seed = reader.optional(entries, "seed");
  study.seed = seed ? static_cast<std::uint64_t>(reader.whole_number(*seed, 0, Index{1} << 62))
                    : std::stoull(sha256(study.name).substr(0, 15), nullptr, 16);
  Defaults defaults;
  if (const TomlEntry* launches = reader.optional(entries, "launches"))
    defaults.launches = reader.whole_number(*launches, 1, most_launches);
  if (const TomlEntry* ranks = reader.optional(entries, "ranks")) defaults.ranks = read_ranks(reader, *ranks);
  for (const TomlTable& table : reader.tables(reader.required(entries, "sweep", "a study")))
    study.sweeps.push_back(read_sweep(reader, table, defaults, accepted, check));
  return study;
}

StudyFile read_study(const std::string& path, const AcceptedOptions& accepted, const ValueCheck& check) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) throw BadRequest("cannot read the study file " + path);
  std::string text(most_bytes + 1, '\0');  // one byte more than allowed: enough to refuse, never a whole device
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_study(text, path, accepted, check);
}

}  // namespace breakeven
