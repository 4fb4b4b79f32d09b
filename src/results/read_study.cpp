#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/error.hpp"
#include "results/checksum.hpp"
#include "results/foreign_file.hpp"
#include "results/h5.hpp"
#include "results/schema.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

/// Refuses what is not ours: no format attribute, another format, another major version.
void check_format(const h5::File& file) {
  const std::string format = file.text_attribute("format");
  if (format != schema::format)
    file.reject_as_foreign("is an HDF5 file, but not a results file: its attribute format is " +
                           (format.empty() ? std::string("missing") : "\"" + h5::brief(format) + "\"") + ", not \"" +
                           std::string(schema::format) + "\"");
  const std::string version = file.text_attribute("format_version");
  int major = 0;
  const auto parsed = std::from_chars(version.data(), version.data() + version.size(), major);
  if (parsed.ec != std::errc() || *parsed.ptr != '.')
    file.reject_as_foreign("has no readable format_version: \"" + h5::brief(version) + "\"");
  if (major != schema::major_version)
    file.reject_as_foreign("written by format " + h5::brief(version) + ", this program reads " +
                           std::to_string(schema::major_version) + ".x");
}

StudyHeader header_of(const h5::File& file) {
  StudyHeader header;
  header.format_version = file.text_attribute("format_version");
  header.created = file.text_attribute("created");
  header.writer = file.text_attribute("writer");
  header.writer_git = file.text_attribute("writer_git");
  header.study = file.text_attribute("study");
  header.label = file.text_attribute("label");
  const Value complete = file.attribute("complete");
  header.complete = std::holds_alternative<bool>(complete) && std::get<bool>(complete);
  return header;
}

/// The values of `name` after a check that it has exactly this shape.
template <class T>
std::vector<T> read_array(const h5::Group& group, std::string_view name, const Shape& shape) {
  const h5::Dataset dataset = group.dataset(name);
  if (dataset.shape() != shape) dataset.reject("does not have the shape of its dimension scales");
  return dataset.read<T>();
}

/// Length of the dimension that the scale `name` of this group spans.
Index scale_length(const h5::Group& group, std::string_view name) {
  const h5::Dataset scale = group.dataset(name);
  if (scale.shape().size() != 1) scale.reject("is not one-dimensional");
  scale.check_storage();
  return scale.size();
}

std::string help_of(const h5::Dataset& dataset, const std::string& name) {
  const std::string help = dataset.text_attribute("long_name");
  return help == name ? "" : help;  // the writer's stand-in for a missing help line
}

std::string unit_of(const h5::Dataset& dataset) {
  const bool number = dataset.type() == h5::Type::integer || dataset.type() == h5::Type::real64;
  return number ? dataset.text_attribute("units") : "";
}

/// One value for every record. Of an unknown flag there is none: unknown_index stands in, which no flag column holds.
std::vector<Value> column_values(const h5::Dataset& dataset) {
  std::vector<Value> values;
  switch (dataset.type()) {
    case h5::Type::flag:
      for (const std::uint8_t flag : dataset.read<std::uint8_t>()) {
        if (flag > 1 && flag != schema::unknown_flag)
          dataset.reject("is a flag with the value " + std::to_string(flag));
        if (flag == schema::unknown_flag)
          values.emplace_back(unknown_index);
        else
          values.emplace_back(flag == 1);
      }
      break;
    case h5::Type::integer:
      for (const Index integer : dataset.read<Index>()) values.emplace_back(integer);
      break;
    case h5::Type::text:
      for (std::string& text : dataset.read<std::string>()) values.emplace_back(std::move(text));
      break;
    default:
      for (const double number : dataset.read<double>()) values.emplace_back(number);
  }
  return values;
}

void check_hash(const h5::Group& cases, const std::string& hash) {
  const auto hexadecimal = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hash.empty() || !std::all_of(hash.begin(), hash.end(), hexadecimal))
    cases.reject("has a hash that is not hexadecimal");
}

std::vector<Record> read_cases(const h5::File& file) {
  const h5::Group cases = file.group(schema::cases);
  const Index n_cases = scale_length(cases, "case");
  // Before records are made: the hashes must really be there, one a case.
  const std::vector<std::string> hashes = read_array<std::string>(cases, "hash", {n_cases});
  std::vector<Record> records(hashes.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    check_hash(cases, hashes[i]);
    records[i].hash = hashes[i];
  }
  for (const std::string& name : cases.names()) {
    if (name == "case" || !cases.has_dataset(name)) continue;
    const h5::Dataset dataset = cases.dataset(name);
    if (dataset.shape() != Shape{n_cases}) dataset.reject("does not have one value a case");
    const std::string unit = unit_of(dataset), help = help_of(dataset, name), kind = dataset.text_attribute("kind");
    std::vector<Value> values = column_values(dataset);
    const bool flags = dataset.type() == h5::Type::flag;
    for (std::size_t i = 0; i < records.size(); ++i)
      if (!flags || !is_unknown(values[i]))
        records[i].columns.push_back({name, std::move(values[i]), unit, help, kind});
  }
  return records;
}

void read_samples(const h5::File& file, std::vector<Record>& records) {
  const h5::Group group = file.group(schema::samples);
  const Shape length{scale_length(group, "sample")};
  const auto cases = read_array<Index>(group, "case", length);
  const auto launches = read_array<Index>(group, "launch", length);
  const auto repetitions = read_array<Index>(group, "repetition", length);
  const auto warmups = read_array<std::uint8_t>(group, "warmup", length);
  const auto completions = read_array<double>(group, "completion_s", length);
  const auto computes = read_array<double>(group, "compute_s", length);
  const auto comms = read_array<double>(group, "comm_s", length);
  const auto orders = read_array<Index>(group, "order", length);
  const auto faults = group.has_dataset("page_faults")  // since 1.1
                          ? read_array<Index>(group, "page_faults", length)
                          : std::vector<Index>(cases.size(), unknown_index);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i] < 0 || cases[i] >= static_cast<Index>(records.size()))
      group.reject("refers to case " + std::to_string(cases[i]) + " of " + std::to_string(records.size()));
    records[static_cast<std::size_t>(cases[i])].samples.push_back(
        {launches[i], repetitions[i], warmups[i] == 1, completions[i], computes[i], comms[i], orders[i], faults[i]});
  }
}

/// Row `i` of a (launches x ranks) array; empty if everything in it is unknown, as for a launch without that fact.
template <class T>
std::vector<T> row(const std::vector<T>& all, Index i, Index length, const T& unknown) {
  const auto begin = all.begin() + i * length, end = begin + length;
  if (std::all_of(begin, end, [&](const T& value) { return value == unknown; })) return {};
  return {begin, end};
}

std::vector<RankRecord> read_ranks_of(const h5::Group& group) {
  const Index n_launches = scale_length(group, "launch"), n_ranks = scale_length(group, "rank"),
              n_repetitions = scale_length(group, "repetition");
  const Shape per_rank{n_launches, n_ranks};
  const auto launches = read_array<Index>(group, "launch", {n_launches});
  const auto repetitions = read_array<Index>(group, "repetitions", {n_launches});
  const auto setups = group.has_dataset("setup_s") ? read_array<double>(group, "setup_s", {n_launches})
                                                   : std::vector<double>();  // no launch knew
  const auto elapsed = read_array<double>(group, "elapsed_s", {n_launches, n_repetitions, n_ranks});
  const auto bytes = read_array<Index>(group, "bytes_sent", per_rank);
  const auto messages = read_array<Index>(group, "messages_sent", per_rank);
  const auto hosts = read_array<std::string>(group, "host", per_rank);
  const auto cpusets = read_array<std::string>(group, "cpuset", per_rank);
  std::vector<RankRecord> records;
  for (Index i = 0; i < n_launches; ++i) {
    RankRecord& record = records.emplace_back();
    record.launch = launches[static_cast<std::size_t>(i)];
    if (!setups.empty()) record.setup_s = setups[static_cast<std::size_t>(i)];
    const Index timed = repetitions[static_cast<std::size_t>(i)];
    if (timed < 0 || timed > n_repetitions) group.reject("has a launch with more repetitions than it has times");
    for (Index repetition = 0; repetition < timed; ++repetition) {
      const auto begin = elapsed.begin() + (i * n_repetitions + repetition) * n_ranks;
      record.elapsed_s.emplace_back(begin, begin + n_ranks);
    }
    record.bytes_sent = row(bytes, i, n_ranks, unknown_index);
    record.messages_sent = row(messages, i, n_ranks, unknown_index);
    record.host = row(hosts, i, n_ranks, std::string());
    record.cpuset = row(cpusets, i, n_ranks, std::string());
  }
  return records;
}

void read_ranks(const h5::File& file, std::vector<Record>& records) {
  const h5::Group ranks = file.group(schema::ranks);
  for (Record& record : records) {
    const std::string name = record.hash.substr(0, schema::short_hash);
    if (ranks.has(name)) record.ranks = read_ranks_of(ranks.group(name));
  }
}

Values read_values(const h5::File& file, std::string_view group_name) {
  const h5::Group group = file.group(group_name);
  Values values;
  for (const std::string& name : group.names()) {
    if (!group.has_dataset(name)) continue;
    const h5::Dataset dataset = group.dataset(name);
    if (!dataset.shape().empty()) dataset.reject("is not a scalar");
    Value value = column_values(dataset).front();
    if (dataset.type() == h5::Type::flag && is_unknown(value)) continue;
    values.push_back({name, std::move(value), unit_of(dataset), help_of(dataset, name)});
  }
  return values;
}

/// Since 1.1; before, /calibration was always empty.
std::vector<Ceiling> read_ceilings(const h5::File& file) {
  const h5::Group calibration = file.group(schema::calibration);
  if (!calibration.has(schema::ceilings)) return {};
  const h5::Group group = calibration.group(schema::ceilings);
  const Shape length{scale_length(group, "ceiling")};
  const auto quantities = read_array<std::string>(group, "quantity", length);
  const auto units = read_array<std::string>(group, "unit", length);
  const auto hosts = read_array<std::string>(group, "host", length);
  const auto ranks = read_array<Index>(group, "ranks", length);
  const auto participants = read_array<Index>(group, "participants", length);
  const auto bytes = read_array<Index>(group, "message_bytes", length);
  const auto values = read_array<double>(group, "value", length);
  const auto launches = read_array<Index>(group, "launch", length);
  std::vector<Ceiling> ceilings;
  for (std::size_t i = 0; i < values.size(); ++i)
    ceilings.push_back(
        {quantities[i], units[i], hosts[i], ranks[i], participants[i], bytes[i], values[i], launches[i]});
  return ceilings;
}

/// A file that a crash of the system has emptied is nobody's.
bool holds_nothing(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) return false;  // a pipe would keep us waiting
  std::ifstream file(path, std::ios::binary);
  return file && std::all_of(std::istreambuf_iterator<char>(file), {}, [](char c) { return c == '\0'; });
}

/// `misfit` says what else the caller misses in a whole shard, "" if nothing.
FoundShard find(const std::string& path, std::string_view writer_git, const Probe& probe,
                const std::function<std::string(const Study&)>& misfit) {
  if (!std::filesystem::exists(path)) return {};
  try {
    if (probe) probe(path);
    const StoredStudy shard = read_stored(path);
    const std::string missed = shard.study.complete ? misfit(shard.study) : "is not marked complete";
    if (!missed.empty()) return {ShardState::unusable, path + ": " + missed};
    return {shard.header.writer_git == writer_git ? ShardState::finished : ShardState::other_code, ""};
  } catch (const ForeignFile& error) {
    return {holds_nothing(path) ? ShardState::unusable : ShardState::foreign, error.what()};
  } catch (const BadRequest& error) {
    return {ShardState::unusable, error.what()};
  }
}

}  // namespace

StoredStudy read_stored(const std::string& path) {
  h5::check_readable(path);
  StoredStudy stored;
  stored.verified = verify_checksum(path);
  const h5::File file = h5::File::open(path);
  if (!stored.verified && file.trailing_bytes() > 0)
    throw BadRequest(path + ": is truncated or damaged: it ends in no checksum");
  check_format(file);
  stored.header = header_of(file);
  Study& study = stored.study;
  study.name = stored.header.study;
  study.label = stored.header.label;
  study.complete = stored.header.complete;
  study.records = read_cases(file);
  read_samples(file, study.records);
  read_ranks(file, study.records);
  study.ceilings = read_ceilings(file);
  study.environment = read_values(file, schema::environment);
  study.provenance = read_values(file, schema::provenance);
  return stored;
}

Study read_study(const std::string& path) {
  return read_stored(path).study;
}

std::string shard_path(const std::string& folder, std::string_view hash, Index launch) {
  const std::string name = std::string(hash.substr(0, schema::short_hash)) + "-" + std::to_string(launch) + ".h5";
  return (std::filesystem::path(folder) / "shards" / name).string();
}

std::string calibration_path(const std::string& folder, Index ranks, Index launch) {
  const std::string name = "calibration-" + std::to_string(ranks) + "-" + std::to_string(launch) + ".h5";
  return (std::filesystem::path(folder) / "shards" / name).string();
}

FoundShard find_shard(const std::string& path, std::string_view hash, std::string_view writer_git, const Probe& probe) {
  return find(path, writer_git, probe, [&](const Study& shard) {
    return shard.records.size() == 1 && shard.records.front().hash == hash ? "" : "holds another case";
  });
}

FoundShard find_calibration(const std::string& path, std::string_view writer_git, const Probe& probe,
                            const std::function<bool(const std::vector<Ceiling>&)>& fits) {
  bool fitting = true;
  FoundShard found = find(path, writer_git, probe, [&](const Study& shard) {
    fitting = !fits || fits(shard.ceilings);
    return shard.ceilings.empty() ? "holds no ceilings" : "";
  });
  if (found.state == ShardState::finished && !fitting) found.state = ShardState::elsewhere;
  return found;
}

void require_replaceable(const FoundShard& found) {
  if (found.state == ShardState::foreign)
    throw BadRequest(found.reason + "; it stands where a shard goes: move it away");
}

}  // namespace breakeven
