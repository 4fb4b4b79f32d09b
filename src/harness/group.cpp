#include "harness/group.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/stopwatch.hpp"
#include "comm/agree.hpp"
#include "harness/interruption.hpp"
#include "harness/verify.hpp"

namespace breakeven {
namespace {

/// The lowest NaN or infinity over all ranks ends the invocation as a bad request.
void require_finite(const Communicator& comm, const Workload& workload, const std::string& path) {
  constexpr Index none = std::numeric_limits<Index>::max();
  const std::optional<BadValue> mine = workload.first_bad_value();
  const Index position = mine ? mine->position : none;
  const Index lowest = comm.all_reduce(position, Reduction::minimum);
  if (lowest == none) return;
  const int finder =
      static_cast<int>(comm.all_reduce<Index>(position == lowest ? comm.rank() : comm.size(), Reduction::minimum));
  const std::string message = comm.broadcast_text(mine ? mine->message : "", finder);
  throw CollectiveError(ExitCode::usage, (path.empty() ? "generated data" : path) + ": " + message);
}

std::unique_ptr<Workload> build_workload(const RunContext& context, const Group& group) {
  const Communicator& comm = context.bookkeeping;
  std::unique_ptr<Workload> workload;
  agree(comm, "data", [&] {
    workload = group.problem->make_workload(group.precision, group.spec, static_cast<std::uint64_t>(group.seed),
                                            context.input, comm.rank());
    for (const Case& which : group.cases) workload->load(which.layout);
  });
  require_finite(comm, *workload, context.input ? context.input->path() : "");
  workload->observe(comm);
  agree(comm, "options", [&] {
    for (const Case& which : group.cases) which.entry.type->validate(group.precision, workload->spec(), which.params);
  });
  return workload;
}

/// The ceiling of arithmetic: all ranks at once, so that what they share (clock, power) is in it. NaN if not measured.
double measure_peak(const RunContext& context, Precision precision) {
  if (!context.hooks.peak_flops) return std::numeric_limits<double>::quiet_NaN();
  context.bookkeeping.barrier();
  return context.bookkeeping.all_reduce(context.hooks.peak_flops(precision));
}

RankRecord rank_record(const RunContext& context, const Verification& verified, const Measurement& measurement) {
  const Communicator& comm = context.bookkeeping;
  RankRecord ranks;
  ranks.launch = context.experiment.launch;
  ranks.setup_s = verified.setup_s;
  ranks.elapsed_s = measurement.elapsed_s;
  ranks.bytes_sent = comm.gather(verified.traffic.bytes());
  ranks.messages_sent = comm.gather(verified.traffic.calls());
  ranks.host = context.placement.hosts;
  ranks.cpuset = context.placement.cpusets;
  return ranks;
}

std::vector<Measurement> time_survivors(const RunContext& context, const Group& group, Workload& workload,
                                        std::vector<Verification>& verified) {
  std::vector<std::unique_ptr<AnyMethod>> methods;
  std::vector<std::size_t> survivors;
  std::vector<Timed> timed;
  for (std::size_t i = 0; i < group.cases.size(); ++i) {
    if (verified[i].failed()) continue;
    methods.push_back(group.cases[i].entry.type->set_up(context.methods, workload, group.cases[i].params));
    survivors.push_back(i);
    AnyMethod* method = methods.back().get();
    timed.push_back({[method] { method->run(); }, [&]() -> const Traffic& { return context.methods.traffic(); }});
  }
  std::vector<Measurement> all(group.cases.size());
  std::vector<Measurement> measured =
      measure(context.bookkeeping, timed, context.experiment.protocol, static_cast<std::uint64_t>(group.seed));
  for (std::size_t s = 0; s < survivors.size(); ++s) {
    const bool same = methods[s]->agrees_with(*verified[survivors[s]].solution);
    if (context.bookkeeping.all_reduce<Index>(same ? 1 : 0, Reduction::minimum) == 0)
      verified[survivors[s]].fail(ExitCode::check_failed, "the last timed answer differs from the verified one");
    all[survivors[s]] = std::move(measured[s]);
  }
  return all;
}

}  // namespace

std::string describe(const Group& group) {
  return group.problem->family() + "/" + group.problem->name() + " " + to_text(group.problem->spec_values(group.spec)) +
         " " + to_text(group.precision);
}

void require_memory(const RunContext& context, const Group& group) {
  const Communicator& comm = context.bookkeeping;
  const int ranks = comm.size(), rank = comm.rank();
  std::vector<Layout> layouts;
  Index data = 0, methods = 0;
  for (const Case& which : group.cases) {
    methods +=
        which.entry.type->expected_schedule(group.precision, group.spec, which.params, ranks, rank).resident_bytes();
    if (std::find(layouts.begin(), layouts.end(), which.layout) != layouts.end()) continue;
    layouts.push_back(which.layout);
    data += group.problem->data_bytes(group.precision, group.spec, which.layout, rank);
  }
  const std::vector<Index> all_data = comm.gather(data), all_methods = comm.gather(methods);
  const Placement& placement = context.placement;
  for (std::size_t r = 0; r < placement.hosts.size(); ++r) {
    double host_data = 0, host_methods = 0;
    for (std::size_t other = 0; other < placement.hosts.size(); ++other)
      if (placement.hosts[other] == placement.hosts[r]) {
        host_data += static_cast<double>(all_data[other]);
        host_methods += static_cast<double>(all_methods[other]);
      }
    const double allowed = 0.9 * static_cast<double>(placement.free_bytes[r]);
    if (placement.free_bytes[r] < 0 || host_data + host_methods <= allowed) continue;
    const auto gib = [](double bytes) { return to_text(Value(std::round(bytes / 0x1p30 * 100) / 100)) + " GiB"; };
    throw CollectiveError(ExitCode::usage, describe(group) + " needs " + gib(host_data + host_methods) + " on host " +
                                               placement.hosts[r] + " (data " + gib(host_data) + ", methods " +
                                               gib(host_methods) + "); 90 % of the memory available there is " +
                                               gib(allowed));
  }
}

GroupOutcome run_group(const RunContext& context, const Group& group) {
  const Stopwatch watch;
  context.begin_phase(describe(group) + ": data");
  const std::unique_ptr<Workload> workload = build_workload(context, group);
  GroupFacts facts;
  facts.input_s = context.bookkeeping.all_reduce(watch.seconds(), Reduction::maximum);
  context.begin_phase(describe(group) + ": reference");
  workload->compute_reference(context.bookkeeping);
  if (context.warn)
    for (const std::string& warning : workload->warnings()) context.warn(describe(group) + ": " + warning);

  std::vector<Verification> verified;
  for (const Case& which : group.cases) {
    context.begin_phase(describe(group) + ": verifying " + which.entry.type->name());
    if (context.bookkeeping.all_reduce<Index>(interruption_requested() ? 1 : 0, Reduction::maximum) != 0)
      throw Interrupted();
    verified.push_back(verify(context, group, *workload, which));
  }
  context.begin_phase(describe(group) + ": timing");
  const double peak_before = measure_peak(context, group.precision);
  const std::vector<Measurement> measured = time_survivors(context, group, *workload, verified);
  facts.peak_flops = std::max(peak_before, measure_peak(context, group.precision));

  GroupOutcome outcome;
  for (std::size_t i = 0; i < group.cases.size(); ++i) {
    Record record;
    record.hash = group.cases[i].hash;
    record.columns = identity_columns(group, group.cases[i], workload->spec(), context.input.get());
    append_results(record, context, verified[i], measured[i], facts);
    record.samples = measured[i].samples;
    for (Sample& sample : record.samples) sample.launch = context.experiment.launch;
    record.ranks = {rank_record(context, verified[i], measured[i])};
    outcome.records.push_back(std::move(record));
    if (outcome.exit_code != ExitCode::failure && verified[i].failed()) outcome.exit_code = verified[i].exit_code;
  }
  return outcome;
}

}  // namespace breakeven
