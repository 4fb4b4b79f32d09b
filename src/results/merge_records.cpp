#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/statistics.hpp"
#include "results/merge.hpp"

namespace breakeven {
namespace {

/// Completion times that count, of one launch.
std::vector<double> timed(const Record& record, Index launch) {
  std::vector<double> times;
  for (const Sample& sample : record.samples)
    if (sample.launch == launch && !sample.warmup) times.push_back(sample.completion_s);
  return times;
}

std::set<Index> timed_launches(const Record& record) {
  std::set<Index> launches;
  for (const Sample& sample : record.samples)
    if (!sample.warmup) launches.insert(sample.launch);
  return launches;
}

bool failed(const Record& record) {
  return record.text("status") == "failed";
}

void set_if_there(Record& record, std::string_view column, Value value) {
  if (record.find(column) != nullptr) record.set(column, std::move(value));
}

/// Columns that only some of the launches have, or know: a failed launch has no counts, no quality.
void fill_gaps(Record& merged, const Record& other) {
  for (const Column& column : other.columns) {
    const Value* known = merged.find(column.name);
    if (known == nullptr) {
      merged.columns.push_back(column);
    } else if (is_unknown(*known)) {
      merged.set(column.name, column.value);
    }
  }
}

/// The known values of a column over the records.
std::vector<double> known(const std::vector<Record>& records, std::string_view column) {
  std::vector<double> values;
  for (const Record& record : records)
    if (const double value = record.number(column); !std::isnan(value)) values.push_back(value);
  return values;
}

void merge_times(Record& merged, const std::vector<Record>& records) {
  const std::set<Index> launches = timed_launches(merged);
  std::vector<double> medians;
  Index repetitions = 0;
  for (const Index launch : launches) {
    const std::vector<double> times = timed(merged, launch);
    medians.push_back(median(times));
    repetitions += static_cast<Index>(times.size());
  }
  std::vector<double> setups;  // of the launches kept from an older file too
  for (const RankRecord& launch : merged.ranks)
    if (!std::isnan(launch.setup_s)) setups.push_back(launch.setup_s);
  if (setups.empty()) setups = known(records, "setup_s");
  if (!setups.empty()) set_if_there(merged, "setup_s", median(setups));
  if (const auto values = known(records, "input_s"); !values.empty()) set_if_there(merged, "input_s", median(values));
  if (const auto values = known(records, "peak_flops"); !values.empty())
    set_if_there(merged, "peak_flops", median(values));
  if (const auto values = known(records, "peak_rss"); !values.empty())
    set_if_there(merged, "peak_rss", static_cast<Index>(*std::max_element(values.begin(), values.end())));
  if (launches.size() < 2) return;  // a shard's own interval, over its repetitions, says more than one median
  const MedianInterval interval = median_interval(medians);
  set_if_there(merged, "launches", static_cast<Index>(launches.size()));
  set_if_there(merged, "repetitions", repetitions);
  set_if_there(merged, "time_median", interval.median);
  set_if_there(merged, "time_lo", interval.low);
  set_if_there(merged, "time_hi", interval.high);
  set_if_there(merged, "confidence", interval.confidence);
}

}  // namespace

Record merge_records(const std::vector<Record>& launches, const Record& older) {
  if (launches.empty()) throw Failure("merge of no records");
  // The first launch that went well speaks for the columns that are the same in all.
  auto speaker = std::find_if_not(launches.begin(), launches.end(), failed);
  if (speaker == launches.end()) speaker = launches.begin();
  Record merged = *speaker;
  merged.samples.clear();
  merged.ranks.clear();
  for (const Record& record : launches) {
    fill_gaps(merged, record);
    merged.samples.insert(merged.samples.end(), record.samples.begin(), record.samples.end());
    merged.ranks.insert(merged.ranks.end(), record.ranks.begin(), record.ranks.end());
    if (record.flag("oversubscribed")) set_if_there(merged, "oversubscribed", true);
  }
  if (const auto first = std::find_if(launches.begin(), launches.end(), failed); first != launches.end()) {
    set_if_there(merged, "status", std::string("failed"));
    set_if_there(merged, "message", first->text("message"));
  }
  merged.samples.insert(merged.samples.end(), older.samples.begin(), older.samples.end());
  merged.ranks.insert(merged.ranks.end(), older.ranks.begin(), older.ranks.end());
  std::stable_sort(merged.samples.begin(), merged.samples.end(),
                   [](const Sample& a, const Sample& b) { return a.launch < b.launch; });
  std::stable_sort(merged.ranks.begin(), merged.ranks.end(),
                   [](const RankRecord& a, const RankRecord& b) { return a.launch < b.launch; });
  merge_times(merged, launches);
  return merged;
}

}  // namespace breakeven
