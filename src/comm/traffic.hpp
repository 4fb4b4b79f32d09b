#pragma once

#include <array>

#include "base/index.hpp"
#include "base/schedule.hpp"

namespace breakeven {

/// Calls issued on a communicator, by operation: what the communication contract compares with the Schedule.
struct Traffic {
  struct Entry {
    Index calls = 0;
    Index bytes = 0;     ///< payload this rank handed over, not what the wire carried
    double seconds = 0;  ///< spent inside the calls; for an overlapped shift only the time it was waited for
  };
  std::array<Entry, n_operations> entries{};

  const Entry& operator[](Operation operation) const { return entries[static_cast<std::size_t>(operation)]; }
  Index calls() const;
  Index bytes() const;
  double seconds() const;
  friend Traffic operator-(const Traffic& later, const Traffic& earlier);
};

}  // namespace breakeven
