#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/group.hpp"
#include "registry.hpp"

namespace breakeven::testing_support {

/// What one method did on one workload: the answer in global order on every rank, and everything the contract judges.
struct MethodRun {
  std::vector<std::vector<double>> answers;  ///< of each run()
  Schedule schedule;
  Traffic traffic;  ///< of the last run()
  Values quality, counts;
  Promise promise;
};

struct MethodCase {
  std::string method;
  Assignment params;
};

/// A problem, its options and a method with its options on the given ranks. Collective.
inline MethodRun run_method(const Communicator& comm, const Registry& list, const std::string& family,
                            const std::string& problem, const Assignment& spec_options, const MethodCase& which,
                            Precision precision, int runs = 1) {
  const ProblemType& type = list.problem(family, problem);
  const MethodEntry& entry = list.method(family, problem, which.method);
  const std::any spec = type.make_spec(spec_options);
  type.validate(spec);
  const std::any params = entry.type->make_params(which.params);
  entry.type->validate(precision, spec, params);
  const std::unique_ptr<Workload> workload = type.make_workload(precision, spec, 1, nullptr, comm.rank());
  workload->load(entry.type->layout(precision, spec, params, comm.size()));
  const Communicator bookkeeping = comm.duplicate();
  workload->compute_reference(bookkeeping);

  MethodRun result;
  const std::unique_ptr<AnyMethod> method = entry.type->set_up(comm, *workload, params);
  for (int run = 0; run < runs; ++run) {
    const Traffic before = comm.traffic();
    method->run();
    result.traffic = comm.traffic() - before;
    const SolutionArray array = method->solution_arrays().front();
    Index entries = 1;
    for (const Index length : array.shape) entries *= length;
    const Index columns = array.shape.back(), rows = array.shape[array.shape.size() - 2];
    std::vector<double> global(static_cast<std::size_t>(entries), 0);
    Index local = 0;
    for (Index slice = 0; slice < entries / std::max<Index>(1, rows * columns); ++slice)
      for (const Range& range : array.ranges)
        for (Index i = range.begin; i < range.end; ++i)
          for (Index c = 0; c < columns; ++c, ++local)
            global[static_cast<std::size_t>((slice * rows + i) * columns + c)] = std::visit(
                [&](const auto& values) { return static_cast<double>(values[static_cast<std::size_t>(local)]); },
                array.values);
    bookkeeping.all_reduce(std::span<double>(global));
    result.answers.push_back(std::move(global));
  }
  result.schedule = method->schedule(comm.rank());
  result.counts = method->counts();
  result.promise = method->promise();
  result.quality = method->quality(bookkeeping);
  return result;
}

/// The same on rank 0 alone (P = 1); the answers on all ranks. Collective.
inline MethodRun run_method_alone(const Communicator& comm, const Registry& list, const std::string& family,
                                  const std::string& problem, const Assignment& spec_options, const MethodCase& which,
                                  Precision precision) {
  MethodRun result;
  Index entries = 0;
  if (const auto alone = comm.first(1)) {
    result = run_method(*alone, list, family, problem, spec_options, which, precision);
    entries = static_cast<Index>(result.answers.front().size());
  }
  entries = comm.all_reduce(entries, Reduction::maximum);
  result.answers.resize(1);
  result.answers.front().resize(static_cast<std::size_t>(entries), 0);
  comm.all_reduce(std::span<double>(result.answers.front()));
  return result;
}

}  // namespace breakeven::testing_support
