#include "harness/calibrate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/stopwatch.hpp"
#include "comm/best_round.hpp"
#include "comm/ping_pong.hpp"

namespace breakeven {
namespace {

// From one word to what no cache between two cores holds; the steps of 8 to 16 show where protocols change.
constexpr std::array<Index, 7> message_sizes{8, 512, 4096, 32768, Index{1} << 18, Index{1} << 21, Index{1} << 24};

std::vector<std::string> distinct(const std::vector<std::string>& hosts) {
  std::vector<std::string> seen;
  for (const std::string& host : hosts)
    if (std::find(seen.begin(), seen.end(), host) == seen.end()) seen.push_back(host);
  return seen;
}

double all_reduce_time(const Communicator& comm, Index bytes) {
  std::vector<float> values(static_cast<std::size_t>(bytes) / sizeof(float));
  return best_round(comm, [&] {
    std::fill(values.begin(), values.end(), 1.0F);  // sums of sums would overflow in time
    comm.barrier();
    const Stopwatch watch;
    comm.all_reduce(std::span<float>(values));
    return watch.seconds();
  });
}

}  // namespace

std::vector<MessagePair> message_pairs(const std::vector<std::string>& hosts) {
  std::vector<MessagePair> pairs;
  for (const std::string& host : distinct(hosts)) {
    const auto first = std::find(hosts.begin(), hosts.end(), host), second = std::find(first + 1, hosts.end(), host);
    if (second != hosts.end())
      pairs.push_back({host, static_cast<int>(first - hosts.begin()), static_cast<int>(second - hosts.begin())});
  }
  const auto elsewhere =
      std::find_if(hosts.begin(), hosts.end(), [&](const std::string& host) { return host != hosts.front(); });
  if (elsewhere != hosts.end())
    pairs.push_back({hosts.front() + " - " + *elsewhere, 0, static_cast<int>(elsewhere - hosts.begin())});
  return pairs;
}

std::vector<Ceiling> calibrate(const Communicator& comm, const Placement& placement,
                               const std::vector<LocalCeiling>& local, Index launch,
                               const std::function<void(const std::string&)>& begin) {
  std::vector<Ceiling> ceilings;
  const std::vector<std::string> hosts = distinct(placement.hosts);
  for (const LocalCeiling& which : local) {
    begin("measuring " + which.quantity);
    comm.barrier();
    const std::vector<double> values = comm.gather(which.measure());
    for (const std::string& host : hosts) {
      Ceiling ceiling{which.quantity, which.unit, host, comm.size(), 0, unknown_index, 0, launch};
      for (std::size_t rank = 0; rank < values.size(); ++rank) {
        if (placement.hosts[rank] != host) continue;
        ++ceiling.participants;
        ceiling.value = which.adds_up ? ceiling.value + values[rank] : std::max(ceiling.value, values[rank]);
      }
      ceilings.push_back(ceiling);
    }
  }
  if (comm.size() == 1) return ceilings;
  for (const Index bytes : message_sizes)
    for (const MessagePair& pair : message_pairs(placement.hosts)) {
      begin(fmt::format("measuring messages of {} bytes between ranks {} and {}", bytes, pair.from, pair.to));
      ceilings.push_back(
          {"message", "s", pair.host, comm.size(), 2, bytes, ping_pong(comm, pair.from, pair.to, bytes), launch});
    }
  for (const Index bytes : message_sizes) {
    begin(fmt::format("measuring all-reduces of {} bytes", bytes));
    ceilings.push_back({"all_reduce", "s", "", comm.size(), comm.size(), bytes, all_reduce_time(comm, bytes), launch});
  }
  return ceilings;
}

bool measured_on(const std::vector<Ceiling>& ceilings, const Placement& placement) {
  std::map<std::string, Index> there, here;
  for (const Ceiling& ceiling : ceilings)
    if (ceiling.quantity == "read_bandwidth") there[ceiling.host] = ceiling.participants;
  for (const std::string& host : placement.hosts) ++here[host];
  const auto sizes = [](const std::map<std::string, Index>& ranks) {
    std::multiset<Index> values;
    for (const auto& [host, count] : ranks) values.insert(count);
    return values;
  };
  return sizes(there) == sizes(here);
}

std::string value_text(const Ceiling& ceiling) {
  struct Prefix {
    double factor;
    const char* sign;
  };
  constexpr std::array<Prefix, 7> prefixes{
      {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}, {1e-3, "m"}, {1e-6, "u"}}};
  Prefix prefix{1e-9, "n"};
  for (auto candidate = prefixes.rbegin(); candidate != prefixes.rend(); ++candidate)
    if (ceiling.value >= candidate->factor) prefix = *candidate;
  const std::string unit = ceiling.unit == "1/s" ? "flop/s" : ceiling.unit == "byte/s" ? "B/s" : ceiling.unit;
  return fmt::format("{:.3g} {}{}", ceiling.value / prefix.factor, prefix.sign, unit);
}

std::string ceilings_table(const std::vector<Ceiling>& ceilings) {
  std::string table = fmt::format("{:<16} {:>10} {:>6} {:>14}  {}\n", "ceiling", "bytes", "ranks", "value", "host");
  for (const Ceiling& ceiling : ceilings)
    table += fmt::format("{:<16} {:>10} {:>6} {:>14}  {}\n", ceiling.quantity,
                         ceiling.message_bytes == unknown_index ? "" : std::to_string(ceiling.message_bytes),
                         ceiling.participants, value_text(ceiling), ceiling.host);
  return table;
}

}  // namespace breakeven
