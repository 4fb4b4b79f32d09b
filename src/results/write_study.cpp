#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <set>

#include "base/error.hpp"
#include "results/checksum.hpp"
#include "results/durable_file.hpp"
#include "results/h5.hpp"
#include "results/provenance.hpp"
#include "results/schema.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::string now_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[sizeof "2000-01-01T00:00:00Z"];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

h5::Type type_of(const Value& value) {
  constexpr h5::Type types[] = {h5::Type::flag, h5::Type::integer, h5::Type::real64, h5::Type::text};
  return types[value.index()];
}

std::size_t kind_order(std::string_view kind) {
  return static_cast<std::size_t>(std::find(schema::kinds.begin(), schema::kinds.end(), kind) - schema::kinds.begin());
}

/// Every number says its unit and meaning; without a help line its name must do.
void describe(const h5::Dataset& dataset, const std::string& unit, const std::string& help) {
  const bool text = dataset.type() == h5::Type::text;
  if (!text) dataset.set_attribute("units", unit.empty() ? "1" : unit);
  if (!help.empty()) dataset.set_attribute("long_name", help);
  if (!text && help.empty()) dataset.set_attribute("long_name", dataset.name().substr(dataset.name().rfind('/') + 1));
}

/// The scale of a dimension: the integers `values` under the dimension's own name.
h5::Dataset create_scale(const h5::Group& group, std::string_view name, const std::vector<Index>& values,
                         const std::string& help) {
  h5::Dataset scale = group.create_dataset(name, h5::Type::integer, {static_cast<Index>(values.size())});
  scale.write<Index>(values);
  scale.make_scale();
  describe(scale, "1", help);
  return scale;
}

std::vector<Index> counted(Index n) {
  std::vector<Index> values(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = i;
  return values;
}

template <class T>
void create_array(const h5::Group& group, std::string_view name, h5::Type type,
                  const std::vector<const h5::Dataset*>& scales, const std::vector<T>& values, const std::string& unit,
                  const std::string& help) {
  Shape shape;
  for (const h5::Dataset* scale : scales) shape.push_back(scale->size());
  const h5::Dataset array = group.create_dataset(name, type, shape);
  array.write<T>(values);
  for (unsigned dimension = 0; dimension < scales.size(); ++dimension)
    array.attach_scale(*scales[dimension], dimension);
  describe(array, unit, help);
  if (type == h5::Type::integer || type == h5::Type::real64) array.mark_unknown();
}

/// One column of every record that has it, ordered by kind, then by first appearance.
std::vector<Column> union_of_columns(const Study& study) {
  std::vector<Column> columns;
  std::map<std::string, std::size_t> position;
  for (const Record& record : study.records)
    for (const Column& column : record.columns) {
      const auto [entry, is_new] = position.try_emplace(column.name, columns.size());
      if (is_new) {
        columns.push_back(column);
      } else if (columns[entry->second].value.index() != column.value.index()) {
        throw Failure("column " + column.name + " has one type in one record and another in the next");
      }
    }
  if (!position.contains("hash")) columns.insert(columns.begin(), {"hash", std::string(), "", "", "identity"});
  std::stable_sort(columns.begin(), columns.end(),
                   [](const Column& a, const Column& b) { return kind_order(a.kind) < kind_order(b.kind); });
  return columns;
}

/// The column's values in every record, `unknown` where a record lacks it.
template <class Stored, class Held>
std::vector<Stored> gather(const Study& study, const std::string& column, Stored unknown) {
  std::vector<Stored> values;
  for (const Record& record : study.records) {
    const Value* value = record.find(column);
    values.push_back(value == nullptr ? unknown : static_cast<Stored>(std::get<Held>(*value)));
  }
  return values;
}

std::vector<std::string> hashes(const Study& study) {
  std::vector<std::string> values;
  for (const Record& record : study.records) values.push_back(record.hash);
  return values;
}

void write_column(const h5::Group& cases, const h5::Dataset& scale, const Study& study, const Column& column) {
  const h5::Dataset dataset = cases.create_dataset(column.name, type_of(column.value), scale.shape());
  switch (dataset.type()) {
    case h5::Type::flag:
      dataset.write<std::uint8_t>(gather<std::uint8_t, bool>(study, column.name, schema::unknown_flag));
      break;
    case h5::Type::integer:
      dataset.write<Index>(gather<Index, Index>(study, column.name, unknown_index));
      break;
    case h5::Type::text:
      dataset.write<std::string>(column.name == "hash" ? hashes(study)
                                                       : gather<std::string, std::string>(study, column.name, ""));
      break;
    default:
      dataset.write<double>(gather<double, double>(study, column.name, not_a_number));
  }
  dataset.attach_scale(scale, 0);
  describe(dataset, column.unit, column.help);
  dataset.set_attribute("kind", column.kind);
  dataset.mark_unknown();
}

void write_cases(const h5::File& file, const Study& study) {
  const h5::Group cases = file.create_group(schema::cases);
  const h5::Dataset scale =
      create_scale(cases, "case", counted(static_cast<Index>(study.records.size())), "row of this table");
  for (const Column& column : union_of_columns(study)) write_column(cases, scale, study, column);
}

void write_samples(const h5::File& file, const Study& study) {
  std::vector<Index> cases, launches, repetitions, orders, faults;
  std::vector<std::uint8_t> warmups;
  std::vector<double> completions, computes, comms;
  for (std::size_t i = 0; i < study.records.size(); ++i)
    for (const Sample& sample : study.records[i].samples) {
      cases.push_back(static_cast<Index>(i));
      launches.push_back(sample.launch);
      repetitions.push_back(sample.repetition);
      warmups.push_back(sample.warmup ? 1 : 0);
      completions.push_back(sample.completion_s);
      computes.push_back(sample.compute_s);
      comms.push_back(sample.comm_s);
      orders.push_back(sample.order);
      faults.push_back(sample.page_faults);
    }
  const h5::Group samples = file.create_group(schema::samples);
  const h5::Dataset scale =
      create_scale(samples, "sample", counted(static_cast<Index>(cases.size())), "row of this table");
  using enum h5::Type;
  create_array(samples, "case", integer, {&scale}, cases, "1", "row of /cases this repetition belongs to");
  create_array(samples, "launch", integer, {&scale}, launches, "1", "launch (one mpiexec)");
  create_array(samples, "repetition", integer, {&scale}, repetitions, "1", "repetition inside the launch");
  create_array(samples, "warmup", flag, {&scale}, warmups, "1", "1: a warm-up, in no statistic");
  create_array(samples, "completion_s", real64, {&scale}, completions, "s", "time inside run(), maximum over ranks");
  create_array(samples, "compute_s", real64, {&scale}, computes, "s",
               "of it, outside communicator calls, on the rank that finished last");
  create_array(samples, "comm_s", real64, {&scale}, comms, "s",
               "of it, inside communicator calls, on the rank that finished last");
  create_array(samples, "order", integer, {&scale}, orders, "1",
               "position of the method in the shuffled order of this repetition");
  create_array(samples, "page_faults", integer, {&scale}, faults, "1",
               "page faults inside run() that needed no reading, summed over ranks");
}

struct RankExtent {
  Index repetitions = 0, ranks = 0;
};

RankExtent extent_of(const Record& record) {
  std::size_t repetitions = 0, ranks = 0;
  for (const RankRecord& launch : record.ranks) {
    repetitions = std::max(repetitions, launch.elapsed_s.size());
    for (const auto& row : launch.elapsed_s) ranks = std::max(ranks, row.size());
    ranks = std::max(
        {ranks, launch.bytes_sent.size(), launch.messages_sent.size(), launch.host.size(), launch.cpuset.size()});
  }
  return {static_cast<Index>(repetitions), static_cast<Index>(ranks)};
}

template <class T>
void append_padded(std::vector<T>& all, const std::vector<T>& row, Index length, const T& unknown) {
  all.insert(all.end(), row.begin(), row.end());
  all.resize(all.size() + static_cast<std::size_t>(length) - row.size(), unknown);
}

void write_ranks_of(const h5::Group& group, const Record& record) {
  const RankExtent extent = extent_of(record);
  std::vector<Index> launches, repetitions, bytes, messages;
  std::vector<double> setups, elapsed;
  std::vector<std::string> hosts, cpusets;
  for (const RankRecord& launch : record.ranks) {
    launches.push_back(launch.launch);
    setups.push_back(launch.setup_s);
    repetitions.push_back(static_cast<Index>(launch.elapsed_s.size()));
    for (const auto& row : launch.elapsed_s) append_padded(elapsed, row, extent.ranks, not_a_number);
    append_padded(elapsed, {}, (extent.repetitions - repetitions.back()) * extent.ranks, not_a_number);
    append_padded(bytes, launch.bytes_sent, extent.ranks, unknown_index);
    append_padded(messages, launch.messages_sent, extent.ranks, unknown_index);
    append_padded(hosts, launch.host, extent.ranks, std::string());
    append_padded(cpusets, launch.cpuset, extent.ranks, std::string());
  }
  const h5::Dataset launch = create_scale(group, "launch", launches, "launch (one mpiexec)");
  const h5::Dataset repetition = create_scale(group, "repetition", counted(extent.repetitions), "timed repetition");
  const h5::Dataset rank = create_scale(group, "rank", counted(extent.ranks), "MPI rank");
  using enum h5::Type;
  if (!std::all_of(setups.begin(), setups.end(), [](double s) { return std::isnan(s); }))
    create_array(group, "setup_s", real64, {&launch}, setups, "s", "set-up of the method, maximum over ranks");
  create_array(group, "elapsed_s", real64, {&launch, &repetition, &rank}, elapsed, "s", "time inside run()");
  create_array(group, "repetitions", integer, {&launch}, repetitions, "1",
               "timed repetitions of the launch; elapsed_s is padded with NaN beyond them");
  create_array(group, "bytes_sent", integer, {&launch, &rank}, bytes, "byte", "payload handed over in one run()");
  create_array(group, "messages_sent", integer, {&launch, &rank}, messages, "1", "communicator calls in one run()");
  create_array(group, "host", text, {&launch, &rank}, hosts, "", "host name");
  create_array(group, "cpuset", text, {&launch, &rank}, cpusets, "", "CPUs the rank may run on");
}

void write_ranks(const h5::File& file, const Study& study) {
  const h5::Group ranks = file.create_group(schema::ranks);
  for (const Record& record : study.records) {
    if (record.ranks.empty()) continue;
    const h5::Group group = ranks.create_group(record.hash.substr(0, schema::short_hash));
    group.set_attribute("hash", record.hash);
    write_ranks_of(group, record);
  }
}

template <class T>
void write_scalar(const h5::Dataset& dataset, const T& value) {
  dataset.write(std::span<const T>(&value, 1));
}
void write_scalar(const h5::Dataset& dataset, bool value) {
  write_scalar(dataset, static_cast<std::uint8_t>(value ? 1 : 0));
}

void write_values(const h5::File& file, std::string_view name, const Values& values) {
  const h5::Group group = file.create_group(name);
  for (const NamedValue& entry : values) {
    if (entry.name.empty() || entry.name.find('/') != std::string::npos || group.has(entry.name))
      throw Failure("a value of /" + std::string(name) + " has the name \"" + entry.name +
                    "\", which is empty, holds a slash or is taken");
    const h5::Dataset dataset = group.create_dataset(entry.name, type_of(entry.value), {});
    std::visit([&](const auto& value) { write_scalar(dataset, value); }, entry.value);
    describe(dataset, entry.unit, entry.help);
  }
}

void write_ceilings(const h5::File& file, const std::vector<Ceiling>& ceilings) {
  std::vector<std::string> quantities, units, hosts;
  std::vector<Index> ranks, participants, bytes, launches;
  std::vector<double> measured;
  for (const Ceiling& ceiling : ceilings) {
    quantities.push_back(ceiling.quantity);
    units.push_back(ceiling.unit);
    hosts.push_back(ceiling.host);
    ranks.push_back(ceiling.ranks);
    participants.push_back(ceiling.participants);
    bytes.push_back(ceiling.message_bytes);
    measured.push_back(ceiling.value);
    launches.push_back(ceiling.launch);
  }
  const h5::Group group = file.create_group(schema::calibration).create_group(schema::ceilings);
  const h5::Dataset scale =
      create_scale(group, "ceiling", counted(static_cast<Index>(ceilings.size())), "row of this table");
  using enum h5::Type;
  create_array(group, "quantity", text, {&scale}, quantities, "", "what was measured");
  create_array(group, "value", real64, {&scale}, measured, "1", "in the unit of the column unit");
  create_array(group, "unit", text, {&scale}, units, "", "unit of value");
  create_array(group, "message_bytes", integer, {&scale}, bytes, "byte", "length of the message");
  create_array(group, "host", text, {&scale}, hosts, "", "host, or two of them; empty: all together");
  create_array(group, "ranks", integer, {&scale}, ranks, "1", "ranks of the launch that measured");
  create_array(group, "participants", integer, {&scale}, participants, "1",
               "of these, on that host, or those that exchanged messages");
  create_array(group, "launch", integer, {&scale}, launches, "1", "launch (one mpiexec)");
}

void write_root_attributes(const h5::File& file, const Study& study) {
  const Value* measured_by = find(study.provenance, "writer_git");
  const auto text = [&](std::string_view name, std::string_view value) {
    file.set_attribute(name, std::string(value));
  };
  text("format", schema::format);
  text("format_version", schema::format_version);
  text("Conventions", schema::conventions);
  text("created", now_utc());
  text("writer", "breakeven " + std::string(program_version()));
  text("writer_git", measured_by == nullptr ? std::string(git_state()) : to_text(*measured_by));
  text("study", study.name);
  text("label", study.label);
  file.set_attribute("complete", study.complete);
  text("how_to_read", schema::how_to_read);
}

void check_hashes(const Study& study) {
  std::set<std::string> seen;
  for (const Record& record : study.records) {
    if (record.hash.empty()) throw Failure("a case without a hash cannot be stored");
    if (!seen.insert(record.hash.substr(0, schema::short_hash)).second)
      throw Failure("two cases have the hash " + record.hash.substr(0, schema::short_hash));
  }
}

/// The file's bytes, made in memory.
std::vector<std::byte> compose(const Study& study, const std::string& path) {
  check_hashes(study);
  const h5::File file = h5::File::create_in_memory(path);
  write_root_attributes(file, study);
  write_cases(file, study);
  write_samples(file, study);
  write_ranks(file, study);
  write_ceilings(file, study.ceilings);
  write_values(file, schema::environment, study.environment);
  write_values(file, schema::provenance, study.provenance);
  std::vector<std::byte> bytes = file.image();
  append_checksum(bytes);
  return bytes;
}

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw Failure(message.find(path) == std::string::npos ? "cannot write " + path + ": " + message : message);
}

}  // namespace

void write_study(const Study& study, const std::string& path) try {
  write_durably(path, compose(study, path));
} catch (const Failure& failure) {
  fail(path, failure.what());
}

void write_studies(const std::vector<StudyAt>& studies) {
  std::vector<NamedBytes> files;
  for (const auto& [path, study] : studies) try {
      files.push_back({path, compose(study, path)});
    } catch (const Failure& failure) {
      fail(path, failure.what());
    }
  write_durably(files);
}

}  // namespace breakeven
