#include "analysis/ceilings.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace breakeven {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Those measured on so many ranks, by launches of which it is not known that they had another number of hosts.
std::vector<Ceiling> of_placement(const std::vector<Ceiling>& ceilings, Index ranks, Index nodes) {
  std::map<Index, Index> hosts;  // by launch; each host has one read bandwidth
  for (const Ceiling& ceiling : ceilings)
    if (ceiling.quantity == "read_bandwidth" && ceiling.ranks == ranks) ++hosts[ceiling.launch];
  std::vector<Ceiling> fitting;
  for (const Ceiling& ceiling : ceilings) {
    const auto launch = hosts.find(ceiling.launch);
    const bool elsewhere = nodes > 0 && launch != hosts.end() && launch->second != nodes;
    if (ceiling.ranks == ranks && !elsewhere) fitting.push_back(ceiling);
  }
  return fitting;
}

/// Sum over hosts; NaN if it was not measured. Of several launches the best.
double over_hosts(const std::vector<Ceiling>& ceilings, const std::string& quantity) {
  std::map<Index, double> by_launch;
  for (const Ceiling& ceiling : ceilings)
    if (ceiling.quantity == quantity) by_launch[ceiling.launch] += ceiling.value;
  double best = unknown;
  for (const auto& [launch, value] : by_launch) best = std::isnan(best) ? value : std::max(best, value);
  return best;
}

struct Link {
  double latency_s = unknown;
  double bytes_per_s = unknown;
};

/// The messages between hosts if the case has several, otherwise those within one.
Link link_of(const std::vector<Ceiling>& ceilings, bool between_hosts) {
  Link link;
  for (const Ceiling& ceiling : ceilings) {
    const bool between = ceiling.host.find(" - ") != std::string::npos;
    if (ceiling.quantity != "message" || between != between_hosts || !(ceiling.value > 0)) continue;
    const double rate = static_cast<double>(ceiling.message_bytes) / ceiling.value;
    link.latency_s = std::isnan(link.latency_s) ? ceiling.value : std::min(link.latency_s, ceiling.value);
    link.bytes_per_s = std::isnan(link.bytes_per_s) ? rate : std::max(link.bytes_per_s, rate);
  }
  return link;
}

double network_time(const Record& record, const std::vector<Ceiling>& ceilings, Index ranks) {
  if (ranks < 2) return unknown;
  const Link link = link_of(ceilings, record.index("nodes") > 1);
  const double messages = record.number("comm_messages"), bytes = record.number("comm_bytes");
  const auto share = 1 / static_cast<double>(ranks);
  return messages * share * link.latency_s + bytes * share / link.bytes_per_s;
}

}  // namespace

std::optional<Bound> bound_of(const Record& record, const std::vector<Ceiling>& all) {
  const Index ranks = record.index("ranks");
  const std::vector<Ceiling> ceilings = of_placement(all, ranks, record.index("nodes"));
  const double time_s = record.number("time_median");
  if (!(time_s > 0)) return std::nullopt;
  const std::pair<const char*, double> limits[] = {
      {"arithmetic", record.number("flops") / record.number("peak_flops")},
      {"memory", record.number("bytes") / over_hosts(ceilings, "read_bandwidth")},
      {"network", network_time(record, ceilings, ranks)}};
  Bound bound;
  for (const auto& [by, limit_s] : limits)
    if (std::isfinite(limit_s) && limit_s > bound.time_s) bound = {by, limit_s, limit_s / time_s};
  if (bound.by.empty()) return std::nullopt;
  return bound;
}

Study with_bounds(Study study) {
  for (Record& record : study.records) {
    const std::optional<Bound> bound = bound_of(record, study.ceilings);
    record.columns.push_back({"ceiling_share", bound ? bound->share : unknown, "1",
                              "time that the ceiling which bounds the case would allow, over time_median",
                              "measurement"});
    record.columns.push_back({"bound_by", bound ? bound->by : std::string(), "",
                              "that ceiling: arithmetic, memory or network", "measurement"});
  }
  return study;
}

}  // namespace breakeven
