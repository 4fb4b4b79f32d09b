#pragma once

#include <memory>
#include <string>

#include "harness/group.hpp"

namespace breakeven {

/// What one untimed run of a method, alone, showed. Equal on all ranks but for `schedule`, `traffic` and `solution`.
struct Verification {
  ExitCode exit_code = ExitCode::ok;
  std::string message;  ///< why it failed, why it is not certified, or what it did instead
  double setup_s = 0;   ///< maximum over ranks
  Values counts;
  Values quality;
  Promise promise;
  Schedule schedule;
  Traffic traffic;  ///< of one run(), this rank
  Index peak_rss = unknown_index;
  std::unique_ptr<AnySolution> solution;

  bool failed() const { return exit_code != ExitCode::ok; }
  void fail(ExitCode code, const std::string& why);
};

/// Constructs the method, runs it once, and holds its answer against the reference, its promise against the answer, its
/// schedule against the traffic counted. A method that fails in a way all ranks share is reported, not thrown.
/// Collective.
Verification verify(const RunContext&, const Group&, Workload&, const Case&);

/// What is measured once for a whole group.
struct GroupFacts {
  double input_s = 0;     ///< generating or reading the data
  double peak_flops = 0;  ///< of all ranks together, the larger of before and after the timing; NaN if unknown
};

/// Placement, measurement, quality, count and verdict columns. Collective (costs are summed over ranks).
void append_results(Record&, const RunContext&, const Verification&, const Measurement&, const GroupFacts&);

}  // namespace breakeven
