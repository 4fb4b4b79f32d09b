#pragma once

#include "base/index.hpp"

namespace breakeven::peers {

/// One tile of scores, row-major with `stride`, turned into weights 2^(factor score - maximum) in place. Row r keeps
/// its first visible[r] entries, the rest become 0. Raises maxima[r], adds to sums[r] after scaling it, and says in
/// factors[r] by how much older sums of the row must be scaled.
template <class T>
void softmax_tile(T* scores, Index rows, Index columns, Index stride, T factor, const Index* visible, T* maxima,
                  T* sums, T* factors);

/// row r of `outputs` (rows x columns) times factors[r].
template <class T>
void scale_rows(T* outputs, Index rows, Index columns, const T* factors);

}  // namespace breakeven::peers
