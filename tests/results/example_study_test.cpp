#include "results/example_study.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <limits>

#include "base/sha256.hpp"
#include "base/statistics.hpp"

namespace breakeven {
namespace example {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

class Columns {
 public:
  explicit Columns(Record& record) : record_(record) {}
  Columns& kind(const char* kind) {
    kind_ = kind;
    return *this;
  }
  Columns& text(const char* name, std::string value) { return add(name, std::move(value), ""); }
  Columns& flag(const char* name, bool value) { return add(name, value, ""); }
  Columns& count(const char* name, Index value, const char* unit = "1") { return add(name, value, unit); }
  Columns& real(const char* name, double value, const char* unit = "1") { return add(name, value, unit); }

 private:
  Columns& add(const char* name, Value value, const char* unit) {
    record_.columns.push_back({name, std::move(value), unit, std::string("help of ") + name, kind_});
    return *this;
  }
  Record& record_;
  const char* kind_ = "";
};

void add_case(Record& record, const std::string& method, Index n) {
  record.hash = sha256(method + std::to_string(n));
  const bool ring = method == "ring";
  Columns columns(record);
  columns.kind("identity").text("hash", record.hash).text("family", "attention").text("problem", "forward");
  columns.text("method", method).text("role", ring ? "exact" : "fast").text("paper", ring ? "" : "2302.13214");
  columns.kind("factor").text("dtype", "f64").count("n", n).count("d", 8).count("d_value", 8).text("scale", "1/d");
  columns.flag("causal", false).count("heads", 1).count("batch", 1).text("data", "uniform").real("bound", 1.5);
  columns.count("seed", 1).text("input", "").text("input_sha256", "");
  columns.kind("parameter");
  if (ring) columns.text("maximum", "running");
  if (!ring) columns.count("degree", 4).real("tolerance", not_a_number).flag("centre_keys", true);
  columns.kind("placement").count("ranks", 2).count("nodes", 1).count("threads", 1).flag("oversubscribed", false);
}

void add_measurement(Record& record, const std::vector<double>& times) {
  const MedianInterval interval = median_interval(times);
  Columns columns(record);
  columns.kind("measurement").count("launches", 1).count("repetitions", static_cast<Index>(times.size()));
  columns.real("setup_s", 0.25, "s").real("input_s", 0.5, "s").real("time_median", interval.median, "s");
  columns.real("time_lo", interval.low, "s").real("time_hi", interval.high, "s");
  columns.real("confidence", interval.confidence).real("flops", 1e9).real("bytes", 2e6, "byte");
  columns.count("comm_bytes", 4096, "byte").count("comm_messages", 2).count("peak_rss", 1 << 20, "byte");
  columns.text("stop_reason", "repetitions");
  columns.kind("quality").real("error", 1e-12).real("error_max", 2e-12).real("skill", not_a_number);
  columns.count("rows_checked", 1024).count("denominators_not_positive", unknown_index);
  columns.kind("count").count("features", 495);
  columns.kind("verdict").text("promise", "certified").text("promise_metric", "error").real("promise_bound", 1e-6);
  columns.flag("certified", true).text("status", "ok").text("message", "").text("origin", "measured");
  columns.text("blas_core", "Haswell");
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "breakeven-results-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Record record(const std::string& method, Index n, Index launch, const std::vector<double>& times) {
  Record record;
  add_case(record, method, n);
  add_measurement(record, times);
  record.samples.push_back({launch, 0, true, 9.0, 8.0, 1.0, 0, 512});
  RankRecord& ranks = record.ranks.emplace_back();
  ranks.launch = launch;
  ranks.setup_s = 0.25;
  for (std::size_t i = 0; i < times.size(); ++i) {
    record.samples.push_back({launch, static_cast<Index>(i), false, times[i], times[i] * 0.75, times[i] * 0.25, 1, 0});
    ranks.elapsed_s.push_back({times[i], times[i] * 0.5});
  }
  ranks.bytes_sent = {2048, 2049};
  ranks.messages_sent = {1, 1};
  ranks.host = {"näid1", "node2"};
  ranks.cpuset = {"0", "1"};
  return record;
}

Study study(std::vector<Record> records) {
  Study study;
  study.name = "Größe – 大きさ";
  study.complete = true;
  study.records = std::move(records);
  study.provenance = {{"writer_git", std::string("0123456789ab"), "", "git state"},
                      {"command", std::string("attention --problem forward --out 'Ünïcode'"), "", "command line"},
                      {"load", 0.5, "1", "load average"},
                      {"cpus_online", Index{2}, "1", ""}};
  study.environment = {{"SLURM_JOB_ID", std::string("42"), "", "environment variable"},
                       {"pinned", true, "", "ranks are pinned"}};
  study.ceilings = {{"message", "s", "näid1 - node2", 2, 2, 4096, 1.5e-6, 0},
                    {"read_bandwidth", "byte/s", "näid1", 2, 1, unknown_index, 1.5e10, 0}};
  return study;
}

Study rich_study() {
  std::vector<Record> records{record("ring", 4096, 0, {0.25, 0.5, 0.375}), record("ring", 8192, 0, {1, 2}),
                              record("polynomial", 4096, 0, {0.125, 0.0625}),
                              record("polynomial", 8192, 0, {0.1, 0.3, 0.2})};
  records[3].set("message", std::string("naïve bound ≥ 1: \"quoted\"\nsecond line"));
  Record second_launch = record("ring", 4096, 1, {0.5});
  records[0].samples.insert(records[0].samples.end(), second_launch.samples.begin(), second_launch.samples.end());
  records[0].ranks.push_back(second_launch.ranks.front());
  records[0].ranks[1].setup_s = 0.75;
  records[2].ranks[0].setup_s = not_a_number;  // no launch of this case knows: the dataset is not there
  records[1].samples.clear();                  // a failed case: nothing timed, nothing known of its ranks
  records[1].ranks.clear();
  records[1].set("status", std::string("failed"));
  records[1].set("time_median", not_a_number);
  records[1].set("comm_bytes", unknown_index);
  return study(std::move(records));
}

}  // namespace example

bool same(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  if (const auto* number = std::get_if<double>(&a); number != nullptr && std::isnan(*number)) return is_unknown(b);
  return a == b;
}

namespace {

/// Without the columns that a record lacks: those come back as unknown (docs/results_format.md).
std::vector<Column> present(const std::vector<Column>& columns, const Record& of) {
  std::vector<Column> kept;
  for (const Column& column : columns)
    if (of.find(column.name) != nullptr) kept.push_back(column);
  return kept;
}

void expect_equal(const Values& a, const Values& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_TRUE(same(a[i].value, b[i].value)) << a[i].name;
    EXPECT_EQ(a[i].unit, b[i].unit) << a[i].name;
    EXPECT_EQ(a[i].help, b[i].help) << a[i].name;
  }
}

void expect_equal(const RankRecord& a, const RankRecord& b) {
  EXPECT_EQ(a.launch, b.launch);
  EXPECT_TRUE(same(a.setup_s, b.setup_s)) << a.setup_s << " and " << b.setup_s;
  EXPECT_EQ(a.elapsed_s, b.elapsed_s);
  EXPECT_EQ(a.bytes_sent, b.bytes_sent);
  EXPECT_EQ(a.messages_sent, b.messages_sent);
  EXPECT_EQ(a.host, b.host);
  EXPECT_EQ(a.cpuset, b.cpuset);
}

void expect_equal(const Sample& a, const Sample& b) {
  EXPECT_EQ(a.launch, b.launch);
  EXPECT_EQ(a.repetition, b.repetition);
  EXPECT_EQ(a.warmup, b.warmup);
  EXPECT_EQ(a.completion_s, b.completion_s);
  EXPECT_EQ(a.compute_s, b.compute_s);
  EXPECT_EQ(a.comm_s, b.comm_s);
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(a.page_faults, b.page_faults);
}

}  // namespace

void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.hash, b.hash);
  for (const Column& column : b.columns)
    EXPECT_TRUE(a.find(column.name) != nullptr || is_unknown(column.value) || column.value == Value(std::string()));
  const std::vector<Column> columns = present(b.columns, a);
  ASSERT_EQ(a.columns.size(), columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    EXPECT_EQ(a.columns[i].name, columns[i].name);
    EXPECT_TRUE(same(a.columns[i].value, columns[i].value)) << columns[i].name;
    EXPECT_EQ(a.columns[i].unit, columns[i].unit) << columns[i].name;
    EXPECT_EQ(a.columns[i].help, columns[i].help) << columns[i].name;
    EXPECT_EQ(a.columns[i].kind, columns[i].kind) << columns[i].name;
  }
  ASSERT_EQ(a.samples.size(), b.samples.size());
  for (std::size_t i = 0; i < a.samples.size(); ++i) expect_equal(a.samples[i], b.samples[i]);
  ASSERT_EQ(a.ranks.size(), b.ranks.size());
  for (std::size_t i = 0; i < a.ranks.size(); ++i) expect_equal(a.ranks[i], b.ranks[i]);
}

void expect_equal(const Study& a, const Study& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.complete, b.complete);
  expect_equal(a.provenance, b.provenance);
  expect_equal(a.environment, b.environment);
  EXPECT_EQ(a.ceilings, b.ceilings);
  ASSERT_EQ(a.records.size(), b.records.size());
  for (std::size_t i = 0; i < a.records.size(); ++i) expect_equal(a.records[i], b.records[i]);
}

}  // namespace breakeven
