#include "harness/placement.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/memory.hpp"
#include "base/value.hpp"

namespace breakeven {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

/// The number after `key` in a file of "Key:   123 kB" lines, in bytes; -1 if there is none.
Index kilobytes_in(const char* file, const std::string& key) {
  std::ifstream lines(file);
  std::string line;
  while (std::getline(lines, line))
    if (line.starts_with(key)) return static_cast<Index>(1024) * std::stoll(line.substr(key.size()));
  return unknown_index;
}

}  // namespace

std::string cpu_list(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(cpus[i]);
    if (last > i) text += "-" + std::to_string(cpus[last]);
    i = last + 1;
  }
  return text;
}

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream items(text);
  std::string item;
  while (std::getline(items, item, ',')) {
    const auto dash = item.find('-');
    const int first = std::stoi(item);
    const int last = dash == std::string::npos ? first : std::stoi(item.substr(dash + 1));
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

Index Placement::ranks_on_host_of(int rank) const {
  return std::count(hosts.begin(), hosts.end(), hosts[static_cast<std::size_t>(rank)]);
}

Placement read_placement(const Communicator& comm) {
  Placement placement;
  placement.hosts = comm.gather_texts(host_name());
  placement.cpusets = comm.gather_texts(cpu_list(allowed_cpus()));
  placement.free_bytes = comm.gather(kilobytes_in("/proc/meminfo", "MemAvailable:"));
  std::map<std::string, std::set<int>> cpus;
  std::map<std::string, std::size_t> ranks;
  for (std::size_t rank = 0; rank < placement.hosts.size(); ++rank) {
    const std::vector<int> mine = parse_cpu_list(placement.cpusets[rank]);
    cpus[placement.hosts[rank]].insert(mine.begin(), mine.end());
    ranks[placement.hosts[rank]] += 1;
  }
  placement.nodes = static_cast<Index>(ranks.size());
  for (const auto& [host, count] : ranks)
    if (count > cpus[host].size()) placement.oversubscribed = true;
  return placement;
}

Index peak_memory_bytes() {
  return kilobytes_in("/proc/self/status", "VmHWM:");
}

void reset_peak_memory() {
  release_freed_arrays();
  malloc_trim(0);                                 // what earlier methods freed must not count for the next
  std::ofstream("/proc/self/clear_refs") << "5";  // resets VmHWM; where it is not allowed the peak is the process's
}

Index page_faults_so_far() {
  struct rusage usage {};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<Index>(usage.ru_minflt);
}

}  // namespace breakeven
