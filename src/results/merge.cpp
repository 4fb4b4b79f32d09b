#include "results/merge.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.hpp"
#include "results/commands.hpp"
#include "results/durable_file.hpp"
#include "results/schema.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

namespace fs = std::filesystem;

/// A shard's record with the launch it was measured in.
struct LaunchRecord {
  Index launch = unknown_index;
  Record record;
};

struct Shard : StoredStudy {
  std::string path;
};

/// Launch number of a record; a failed one has no samples, its file name then tells.
Index launch_of(const Record& record, const std::string& path) {
  if (!record.samples.empty()) return record.samples.front().launch;
  if (!record.ranks.empty()) return record.ranks.front().launch;
  const std::string stem = fs::path(path).stem().string();
  const std::size_t dash = stem.rfind('-');
  Index launch = unknown_index;
  if (dash != std::string::npos) std::from_chars(stem.data() + dash + 1, stem.data() + stem.size(), launch);
  return launch;
}

std::vector<std::string> files_of(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (!is_temporary(entry.path().filename().string())) paths.push_back(entry.path().string());
  if (error) throw BadRequest(folder + ": cannot list the folder of shards: " + error.message());
  std::sort(paths.begin(), paths.end());  // the order of a folder is no order
  return paths;
}

std::vector<Shard> read_shards(const std::string& folder, const Probe& probe, MergeSummary& summary) {
  std::vector<Shard> shards;
  for (const std::string& path : files_of(folder)) {
    try {
      if (probe) probe(path);
      Shard shard{read_stored(path), path};
      if (!shard.study.complete) throw BadRequest(path + ": is not marked complete");
      shards.push_back(std::move(shard));
    } catch (const Error& error) {
      summary.skipped.emplace_back(path, error.what());
    }
  }
  return shards;
}

/// A column of a study has one type. Where shards disagree those that this suite wrote decide, then the many, and what
/// differs is skipped: one file that a program has rewritten must not cost the others.
void skip_misfits(std::vector<Shard>& shards, MergeSummary& summary) {
  std::map<std::string, std::map<std::size_t, std::size_t>> votes;
  for (const Shard& shard : shards)
    for (const Record& record : shard.study.records)
      for (const Column& column : record.columns)
        votes[column.name][column.value.index()] += shard.verified ? 1 + shards.size() : 1;
  const auto fits = [&](const Column& column) {
    const auto& of_column = votes.at(column.name);
    const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
    return std::max_element(of_column.begin(), of_column.end(), fewer)->first == column.value.index();
  };
  std::erase_if(shards, [&](const Shard& shard) {
    for (const Record& record : shard.study.records)
      for (const Column& column : record.columns) {
        if (fits(column)) continue;
        summary.skipped.emplace_back(
            shard.path, shard.path + ": column " + column.name + " is of another type than in the other shards");
        return true;
      }
    return false;
  });
}

/// The launches of every case, in order; a launch that two files claim is taken from the first of them.
using Cases = std::map<std::string, std::vector<LaunchRecord>>;

void take_in(Cases& cases, const Shard& shard, MergeSummary& summary) {
  for (const Record& record : shard.study.records) {
    std::vector<LaunchRecord>& launches = cases[record.hash];
    const Index launch = launch_of(record, shard.path);
    const auto same = [launch](const LaunchRecord& other) { return other.launch == launch; };
    if (std::any_of(launches.begin(), launches.end(), same)) {
      summary.skipped.emplace_back(shard.path, shard.path + ": launch " + std::to_string(launch) + " of case " +
                                                   record.hash.substr(0, schema::short_hash) + " is already there");
      continue;
    }
    launches.push_back({launch, record});
  }
}

/// What the older file knows of launches that no shard covers.
Record uncovered_launches(Record older, const std::vector<LaunchRecord>& launches) {
  std::set<Index> covered;
  for (const LaunchRecord& launch : launches) covered.insert(launch.launch);
  std::erase_if(older.samples, [&](const Sample& sample) { return covered.contains(sample.launch); });
  std::erase_if(older.ranks, [&](const RankRecord& ranks) { return covered.contains(ranks.launch); });
  return older;
}

Record merged_case(std::vector<LaunchRecord> launches, const Record* older) {
  std::stable_sort(launches.begin(), launches.end(),
                   [](const LaunchRecord& a, const LaunchRecord& b) { return a.launch < b.launch; });
  std::vector<Record> records;
  for (const LaunchRecord& launch : launches) records.push_back(launch.record);
  return merge_records(records, older == nullptr ? Record{} : uncovered_launches(*older, launches));
}

/// Sorts a study the way a reader scans it: by problem, factors, placement, then method and its parameters. Unknown
/// values take no part, so that it makes no difference which columns other cases brought along.
std::vector<std::pair<std::string, Value>> sort_key(const Record& record) {
  std::vector<std::pair<std::string, Value>> key{{"family", record.text("family")},
                                                 {"problem", record.text("problem")}};
  const auto append = [&](std::string_view kind) {
    for (const Column& column : record.columns)
      if (column.kind == kind && !is_unknown(column.value)) key.emplace_back(column.name, column.value);
  };
  append("factor");
  append("placement");
  key.emplace_back("method", record.text("method"));
  append("parameter");
  key.emplace_back("hash", record.hash);
  return key;
}

void sort_for_readers(std::vector<Record>& records) {
  std::vector<std::pair<decltype(sort_key(Record{})), Record>> keyed;  // a key costs more than a comparison
  for (Record& record : records) keyed.emplace_back(sort_key(record), std::move(record));
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(keyed.begin(), keyed.end(), records.begin(), [](auto& entry) { return std::move(entry.second); });
}

/// Values by name over all shards. Texts that differ are listed, each once; of numbers the first is kept.
void collect(Values& all, const Values& more) {
  constexpr std::string_view separator = " | ";
  for (const NamedValue& entry : more) {
    const auto known = std::find_if(all.begin(), all.end(), [&](const NamedValue& v) { return v.name == entry.name; });
    if (known == all.end()) {
      all.push_back(entry);
      continue;
    }
    auto* list = std::get_if<std::string>(&known->value);
    const auto* text = std::get_if<std::string>(&entry.value);
    if (list == nullptr || text == nullptr) continue;
    const std::string fenced = std::string(separator) + *list + std::string(separator);
    if (fenced.find(std::string(separator) + *text + std::string(separator)) == std::string::npos)
      *list += std::string(separator) + *text;
  }
}

void add_git_states(std::vector<std::string>& states, const std::string& list) {
  constexpr std::string_view separator = ", ";
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(separator, begin), list.size());
    const std::string state = list.substr(begin, end - begin);
    if (std::find(states.begin(), states.end(), state) == states.end()) states.push_back(state);
    begin = end + separator.size();
  }
}

std::string joined(const std::vector<std::string>& states) {
  std::string list;
  for (const std::string& state : states) list += (list.empty() ? "" : ", ") + state;
  return list;
}

/// Everything of a study that is not its records.
Study frame_of(const std::vector<Shard>& shards, const Study& older, MergeSummary& summary) {
  Study study;
  std::vector<std::string> commands;
  for (const Shard& shard : shards) {
    if (study.name.empty()) study.name = shard.study.name;
    if (study.label.empty()) study.label = shard.study.label;
    if (const Value* command = find(shard.study.provenance, "command")) commands.push_back(to_text(*command));
    collect(study.provenance, shard.study.provenance);
    collect(study.environment, shard.study.environment);
    add_git_states(summary.git_states, shard.header.writer_git);
  }
  for (NamedValue& entry : study.provenance)
    if (entry.name == "command") entry.value = joined_commands(commands);
  if (study.name.empty()) study.name = older.name;
  if (study.label.empty()) study.label = older.label;
  if (shards.empty()) {
    study.provenance = older.provenance;
    study.environment = older.environment;
  }
  return study;
}

/// A launch of `calibrate` on so many ranks replaces what an older file knows of the same.
std::vector<Ceiling> merged_ceilings(const std::vector<Shard>& shards, const Study& older) {
  std::vector<Ceiling> all;
  std::set<std::pair<Index, Index>> covered;  // (launch, ranks)
  for (const Shard& shard : shards)
    for (const Ceiling& ceiling : shard.study.ceilings) {
      all.push_back(ceiling);
      covered.emplace(ceiling.launch, ceiling.ranks);
    }
  for (const Ceiling& ceiling : older.ceilings)
    if (!covered.contains({ceiling.launch, ceiling.ranks})) all.push_back(ceiling);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void set_git_states(Values& provenance, const std::vector<std::string>& states) {
  std::erase_if(provenance, [](const NamedValue& entry) { return entry.name == "writer_git"; });
  provenance.insert(provenance.begin(), {"writer_git", joined(states), "", "git states of the programs that measured"});
}

Index count_launches(const Study& study) {
  std::set<Index> launches;
  for (const Record& record : study.records)
    for (const Sample& sample : record.samples) launches.insert(sample.launch);
  return static_cast<Index>(launches.size());
}

}  // namespace

MergeSummary merge(const std::string& shard_folder, const std::string& out_path, const Probe& probe) {
  MergeSummary summary;
  const bool rebuild = fs::exists(out_path);
  if (rebuild && probe) probe(out_path);
  const StoredStudy stored = rebuild ? read_stored(out_path) : StoredStudy{};
  const Study& older = stored.study;
  std::vector<Shard> shards = read_shards(shard_folder, probe, summary);
  skip_misfits(shards, summary);
  Cases cases;
  for (const Shard& shard : shards) take_in(cases, shard, summary);
  Study study = frame_of(shards, older, summary);
  std::map<std::string, const Record*> older_records;
  for (const Record& record : older.records) older_records[record.hash] = &record;
  for (auto& [hash, launches] : cases) study.records.push_back(merged_case(std::move(launches), older_records[hash]));
  for (const Record& record : older.records) {
    if (cases.contains(record.hash)) continue;
    study.records.push_back(record);
    ++summary.kept;
  }
  if (summary.kept > 0) add_git_states(summary.git_states, stored.header.writer_git);
  sort_for_readers(study.records);
  study.ceilings = merged_ceilings(shards, older);
  set_git_states(study.provenance, summary.git_states);
  study.complete = summary.skipped.empty();
  summary.shards = std::count_if(shards.begin(), shards.end(), [](const Shard& s) { return !s.study.records.empty(); });
  summary.cases = static_cast<Index>(study.records.size());
  summary.launches = count_launches(study);
  write_study(study, out_path);
  return summary;
}

}  // namespace breakeven
