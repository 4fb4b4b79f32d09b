#pragma once

#include "base/index.hpp"

namespace breakeven {

/// A matrix that somebody else owns, row-major, `stride` entries from row to row.
template <class T>
struct StridedMatrix {
  T* entries = nullptr;
  Index stride = 0;
  StridedMatrix from(Index row, Index column) const { return {entries + row * stride + column, stride}; }
};

}  // namespace breakeven
