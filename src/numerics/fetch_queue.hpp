#pragma once

#include <hwy/base.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "numerics/fetch.hpp"

namespace breakeven {

/// Up to four stretches of memory that are needed next, asked for a few lines at a time beside other work: a processor
/// has few buffers for lines on their way, and stops when all are taken.
class FetchQueue {
 public:
  struct Stretch {
    const void* begin = nullptr;
    Index bytes = 0;
  };

  FetchQueue() = default;
  explicit FetchQueue(const std::array<Stretch, 4>& in_this_order) {
    for (std::size_t s = 0; s < in_this_order.size(); ++s) {
      const auto* const begin = static_cast<const char*>(in_this_order[s].begin);
      waiting_[s] = {begin, begin + in_this_order[s].bytes};
    }
  }

  /// From now on a step takes so many lines that no more than `steps` are needed for what is left.
  void pace(Index steps) {
    Index lines = 0;
    for (std::size_t s = first_; s < waiting_.size(); ++s) lines += waiting_[s].lines();
    // Each stretch may end in a step that takes fewer lines.
    const Index whole_steps = std::max<Index>(1, steps - static_cast<Index>(waiting_.size()));
    lines_a_step_ = (lines + whole_steps - 1) / whole_steps;
  }

  /// The lines of the next step; none after the last.
  HWY_INLINE Stretch take() {
    if (first_ == waiting_.size()) return {};
    Lines& next = waiting_[first_];
    const char* const begin = next.at;
    next.at = std::min(begin + lines_a_step_ * line_bytes, next.end);
    if (next.at == next.end) ++first_;
    return {begin, next.at - begin};
  }

 private:
  struct Lines {
    const char *at = nullptr, *end = nullptr;
    Index lines() const { return (end - at + line_bytes - 1) / line_bytes; }
  };
  std::array<Lines, 4> waiting_{};
  std::size_t first_ = 0;
  Index lines_a_step_ = 1;
};

}  // namespace breakeven
