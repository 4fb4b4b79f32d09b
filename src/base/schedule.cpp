#include "base/schedule.hpp"

#include "base/promise.hpp"

namespace breakeven {

std::string_view to_text(Operation operation) {
  constexpr std::array<std::string_view, n_operations> names{"compute",        "ring_shift", "all_reduce", "all_gather",
                                                             "exclusive_scan", "broadcast",  "combine",    "agree"};
  return names[static_cast<std::size_t>(operation)];
}

std::string to_text(Promise::Kind kind) {
  switch (kind) {
    case Promise::Kind::certified:
      return "certified";
    case Promise::Kind::probable:
      return "probable";
    default:
      return "none";
  }
}

Schedule& Schedule::compute(double flops, double bytes) {
  steps_.push_back({Operation::compute, flops, bytes, false});
  return *this;
}

Schedule& Schedule::communicate(Operation operation, Index bytes) {
  steps_.push_back({operation, 0, static_cast<double>(bytes), false});
  return *this;
}

Schedule& Schedule::varying(Operation operation) {
  steps_.push_back({operation, 0, 0, true});
  return *this;
}

Schedule& Schedule::resident(Index bytes) {
  resident_bytes_ = bytes;
  return *this;
}

double Schedule::flops() const {
  double flops = 0;
  for (const Step& step : steps_) flops += step.flops;
  return flops;
}

double Schedule::memory_bytes() const {
  double bytes = 0;
  for (const Step& step : steps_)
    if (step.operation == Operation::compute) bytes += step.bytes;
  return bytes;
}

Index Schedule::comm_bytes() const {
  double bytes = 0;
  for (const Step& step : steps_)
    if (step.operation != Operation::compute) bytes += step.bytes;
  return static_cast<Index>(bytes);
}

Index Schedule::messages() const {
  Index messages = 0;
  for (const Step& step : steps_) messages += step.operation == Operation::compute ? 0 : 1;
  return messages;
}

}  // namespace breakeven
