#include "harness/verify.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/sha256.hpp"
#include "base/statistics.hpp"
#include "base/stopwatch.hpp"
#include "comm/agree.hpp"

namespace breakeven {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// What one operation should have done and did; "" if they are equal.
std::string difference(Operation operation, const Schedule& schedule, const Traffic& traffic) {
  Index messages = 0, bytes = 0;
  bool varying = false;
  for (const Step& step : schedule.steps()) {
    if (step.operation != operation) continue;
    messages += 1;
    bytes += static_cast<Index>(step.bytes);
    varying = varying || step.varying;
  }
  const Traffic::Entry& counted = traffic[operation];
  if (messages == counted.calls && (varying || bytes == counted.bytes)) return "";
  return std::string(to_text(operation)) + ": schedule declares " + std::to_string(messages) + " messages of " +
         std::to_string(bytes) + " bytes, counted " + std::to_string(counted.calls) + " of " +
         std::to_string(counted.bytes);
}

std::string broken_schedule(const Schedule& schedule, const Traffic& traffic) {
  for (std::size_t i = 0; i < n_operations; ++i) {
    const auto operation = static_cast<Operation>(i);
    if (operation == Operation::compute) continue;
    if (std::string text = difference(operation, schedule, traffic); !text.empty()) return text;
  }
  return "";
}

/// The first rank's non-empty text, on all ranks. Collective.
std::string first_text(const Communicator& comm, const std::string& mine) {
  for (const std::string& text : comm.gather_texts(mine))
    if (!text.empty()) return text;
  return "";
}

std::string fingerprint(const Values& counts, const Promise& promise) {
  std::string text = to_text(promise.kind) + promise.metric + to_text(Value(promise.bound));
  for (const NamedValue& count : counts) text += "," + count.name + "=" + to_text(count.value);
  return text;
}

void check_promise(const RunContext& context, const Case& which, Verification& verification) {
  const Promise& promise = verification.promise;
  if (promise.kind == Promise::Kind::certified) {
    const Value* metric = find(verification.quality, promise.metric);
    const double reached = metric == nullptr ? unknown : std::get<double>(*metric);
    if (!(reached <= promise.bound))  // NaN is not a kept promise
      verification.fail(ExitCode::check_failed, promise.metric + " is " + to_text(Value(reached)) + ", certified was " +
                                                    to_text(Value(promise.bound)));
  } else if (context.experiment.require_certificate && which.entry.role == Role::fast) {
    verification.fail(ExitCode::check_failed, "no certificate (--require-certificate): " + promise.reason);
  }
  if (!verification.failed()) verification.message = promise.reason;
}

void check_agreement(const Communicator& comm, const Case& which, Verification& verification) {
  const std::vector<std::string> all = comm.gather_texts(fingerprint(verification.counts, verification.promise));
  if (std::any_of(all.begin(), all.end(), [&](const std::string& other) { return other != all.front(); }))
    verification.fail(ExitCode::check_failed, which.entry.type->name() + ": ranks disagree on counts or promise");
}

}  // namespace

void Verification::fail(ExitCode code, const std::string& why) {
  if (failed()) return;  // the first reason is the one to look at
  exit_code = code;
  message = why;
}

Verification verify(const RunContext& context, const Group& group, Workload& workload, const Case& which) {
  const Communicator& comm = context.bookkeeping;
  Verification verification;
  try {
    reset_peak_memory();
    comm.barrier();
    const Stopwatch watch;
    const std::unique_ptr<AnyMethod> method = which.entry.type->set_up(context.methods, workload, which.params);
    const double setup_s = watch.seconds();
    verification.setup_s = comm.all_reduce(setup_s, Reduction::maximum);

    const Traffic before = context.methods.traffic();
    method->run();
    verification.traffic = context.methods.traffic() - before;
    verification.peak_rss = comm.all_reduce(peak_memory_bytes(), Reduction::maximum);
    verification.counts = method->counts();
    verification.promise = method->promise();
    check_agreement(comm, which, verification);
    verification.schedule = method->schedule(comm.rank());
    if (const std::string text = first_text(comm, broken_schedule(verification.schedule, verification.traffic));
        !text.empty())
      verification.fail(ExitCode::check_failed, text);
    verification.quality = method->quality(comm);
    if (const std::string disproof = method->disproof(); !disproof.empty())
      verification.fail(ExitCode::check_failed, disproof);
    check_promise(context, which, verification);
    verification.solution = method->copy_solution();
    if (context.experiment.save_solution && context.hooks.save_solution) {
      Record record;
      record.hash = which.hash;
      record.columns = identity_columns(group, which, workload.spec(), context.input.get());
      context.hooks.save_solution(comm, record, method->solution_arrays());
    }
  } catch (const CollectiveError& error) {
    verification.fail(error.exit_code() == ExitCode::usage ? ExitCode::failure : error.exit_code(), error.what());
  }
  return verification;
}

void append_results(Record& record, const RunContext& context, const Verification& verified,
                    const Measurement& measured, const GroupFacts& facts) {
  const Communicator& comm = context.bookkeeping;
  const std::vector<double> times = measured.timed_completions();
  const MedianInterval time =
      times.empty() ? MedianInterval{unknown, unknown, unknown, unknown} : median_interval(times);
  const double flops = comm.all_reduce(verified.schedule.flops());
  const double bytes = comm.all_reduce(verified.schedule.memory_bytes());
  const Index comm_bytes = comm.all_reduce(verified.traffic.bytes());
  const Index comm_messages = comm.all_reduce(verified.traffic.calls());
  const Promise& promise = verified.promise;
  const auto add = [&](const char* name, Value value, const char* unit, const char* help, const char* kind) {
    record.columns.push_back({name, std::move(value), unit, help, kind});
  };
  add("ranks", Index{comm.size()}, "1", "MPI ranks", "placement");
  add("nodes", context.placement.nodes, "1", "hosts", "placement");
  add("threads", Index{1}, "1", "threads a rank", "placement");
  add("oversubscribed", context.placement.oversubscribed, "", "a host has more ranks than CPUs", "placement");
  add("launches", Index{1}, "1", "launches behind the figures", "measurement");
  add("repetitions", static_cast<Index>(times.size()), "1", "timed repetitions, all launches", "measurement");
  add("setup_s", verified.setup_s, "s", "set-up of the method, maximum over ranks", "measurement");
  add("input_s", facts.input_s, "s", "generating or reading the data; part of no other column", "measurement");
  add("time_median", time.median, "s", "median completion time of one run", "measurement");
  add("time_lo", time.low, "s", "lower end of the median's interval", "measurement");
  add("time_hi", time.high, "s", "upper end of the median's interval", "measurement");
  add("confidence", time.confidence, "1", "coverage of the interval", "measurement");
  add("flops", flops, "1",
      "operations of one run, all ranks, by the method's schedule: floating-point ones, or signs compared (dtype bit)",
      "measurement");
  add("bytes", bytes, "byte", "fewest bytes of memory traffic of one run, all ranks, by the schedule", "measurement");
  add("peak_flops", facts.peak_flops, "1/s",
      "operations a second of all ranks together, the larger of before and after the group was timed: fused "
      "multiply-adds in flop/s, or signs compared (dtype bit)",
      "measurement");
  add("comm_bytes", comm_bytes, "byte", "payload handed over in one run, all ranks, counted", "measurement");
  add("comm_messages", comm_messages, "1", "messages of one run, all ranks, counted", "measurement");
  add("peak_rss", verified.peak_rss, "byte", "highest resident memory in the verification run, maximum over ranks",
      "measurement");
  add("stop_reason", measured.stop_reason, "", "why repetitions ended: interval, repetitions or budget", "measurement");
  for (const NamedValue& value : verified.quality)
    record.columns.push_back({value.name, value.value, value.unit, value.help, "quality"});
  for (const NamedValue& value : verified.counts)
    record.columns.push_back({value.name, value.value, value.unit, value.help, "count"});
  add("promise", to_text(promise.kind), "", "what the method claims: certified, probable or none", "verdict");
  add("promise_metric", promise.metric, "", "the quality that is bounded", "verdict");
  add("promise_bound", promise.bound, "1", "the bound", "verdict");
  add("certified", promise.kind == Promise::Kind::certified, "", "the bound is proven for this input", "verdict");
  add("status", std::string(verified.failed() ? "failed" : "ok"), "", "ok or failed", "verdict");
  add("message", verified.message, "", "why it failed, why it is not certified, or what it did instead", "verdict");
  add("origin", std::string("measured"), "", "measured, predicted or simulated", "verdict");
  add("blas_core", context.hooks.blas_core, "", "kernel set of the BLAS library", "verdict");
}

}  // namespace breakeven
