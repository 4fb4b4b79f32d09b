#include "base/layout.hpp"

#include <algorithm>

namespace breakeven {

Range block(Index n, Index parts, Index part) {
  const Index quotient = n / parts;
  const Index remainder = n % parts;
  const Index begin = part * quotient + std::min(part, remainder);
  return {begin, begin + quotient + (part < remainder ? 1 : 0)};
}

Layout Layout::contiguous(Index n, int ranks) {
  Layout layout;
  for (int rank = 0; rank < ranks; ++rank) layout.ranges_.push_back({block(n, ranks, rank)});
  return layout;
}

Layout Layout::zigzag(Index n, int ranks) {
  Layout layout;
  const Index chunks = 2 * static_cast<Index>(ranks);
  for (int rank = 0; rank < ranks; ++rank)
    layout.ranges_.push_back({block(n, chunks, rank), block(n, chunks, chunks - 1 - rank)});
  return layout;
}

Index Layout::rows(int rank) const {
  Index rows = 0;
  for (const Range& range : ranges(rank)) rows += range.size();
  return rows;
}

Index Layout::max_rows() const {
  Index most = 0;
  for (int rank = 0; rank < ranks(); ++rank) most = std::max(most, rows(rank));
  return most;
}

}  // namespace breakeven
