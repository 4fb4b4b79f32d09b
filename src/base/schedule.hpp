#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// What a step of a method does. All but `compute` are one call on the Communicator.
enum class Operation { compute, ring_shift, all_reduce, all_gather, exclusive_scan, broadcast, combine, agree };
inline constexpr std::size_t n_operations = 8;
std::string_view to_text(Operation operation);

struct Step {
  Operation operation = Operation::compute;
  double flops = 0;      ///< of a compute step
  double bytes = 0;      ///< compute: memory traffic at least needed; otherwise the payload this rank hands over
  bool varying = false;  ///< bytes depend on the data; their sum over ranks is checked instead
};

/// What one run() of one rank does, in order: the one statement of a method's cost.
/// Prediction, dry run, share of the ceiling and the communication contract are all read from it.
class Schedule {
 public:
  Schedule& compute(double flops, double bytes);
  Schedule& communicate(Operation operation, Index bytes);
  Schedule& varying(Operation operation);
  /// Bytes the method allocates on this rank beside the data themselves, at the busiest moment.
  Schedule& resident(Index bytes);

  const std::vector<Step>& steps() const { return steps_; }
  Index resident_bytes() const { return resident_bytes_; }
  double flops() const;
  double memory_bytes() const;
  Index comm_bytes() const;
  Index messages() const;

 private:
  std::vector<Step> steps_;
  Index resident_bytes_ = 0;
};

}  // namespace breakeven
