#pragma once

#include <cstdint>

namespace breakeven {

/// Every length, count and subscript.
using Index = std::int64_t;

/// Half-open interval of indices.
struct Range {
  Index begin = 0;
  Index end = 0;

  constexpr Index size() const { return end - begin; }
  constexpr bool empty() const { return end <= begin; }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

}  // namespace breakeven
