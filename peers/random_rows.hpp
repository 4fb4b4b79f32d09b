#pragma once

// What the programs share that time loops on one core.

#include "base/array.hpp"
#include "base/philox.hpp"

namespace breakeven {

/// n x d entries: draw(random, row, column), with a stream of its own for each array.
template <class T, class Draw>
AlignedVector<T> random_rows(Index n, Index d, std::uint32_t stream, Draw draw) {
  const Philox random(1, Stream{stream});
  AlignedVector<T> rows(static_cast<std::size_t>(n * d));
  for (Index i = 0; i < n; ++i)
    for (Index p = 0; p < d; ++p) rows[static_cast<std::size_t>(i * d + p)] = static_cast<T>(draw(random, i, p));
  return rows;
}

template <class T>
AlignedVector<T> normal_rows(Index n, Index d, std::uint32_t stream) {
  return random_rows<T>(n, d, stream, [](const Philox& random, Index i, Index p) { return random.normal(i, p); });
}

}  // namespace breakeven
