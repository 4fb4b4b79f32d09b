#include "harness/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/group.hpp"

namespace breakeven {

std::string dry_run_table(const std::vector<Group>& groups, int ranks) {
  std::string table =
      fmt::format("{:>12} {:>12} {:>12} {:>12} {:>9}  case (busiest of {} ranks, one run, by the methods' schedules)\n",
                  "data [MiB]", "method [MiB]", "flops", "sent [B]", "messages", ranks);
  for (const Group& group : groups) {
    table += describe(group) + "\n";
    for (const Case& which : group.cases) {
      Index data = 0, resident = 0, sent = 0, messages = 0;
      double flops = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Schedule schedule =
            which.entry.type->expected_schedule(group.precision, group.spec, which.params, ranks, rank);
        data = std::max(data, group.problem->data_bytes(group.precision, group.spec, which.layout, rank));
        resident = std::max(resident, schedule.resident_bytes());
        sent = std::max(sent, schedule.comm_bytes());
        messages = std::max(messages, schedule.messages());
        flops = std::max(flops, schedule.flops());
      }
      std::string setting = to_text(which.entry.type->param_values(which.params));
      if (!setting.empty()) setting.insert(0, " ");
      table +=
          fmt::format("{:>12.2f} {:>12.2f} {:>12.4g} {:>12} {:>9}  {}{}\n", static_cast<double>(data) / 0x1p20,
                      static_cast<double>(resident) / 0x1p20, flops, sent, messages, which.entry.type->name(), setting);
    }
  }
  return table;
}

}  // namespace breakeven
