#pragma once

#include <span>

#include "base/index.hpp"

namespace breakeven {

/// An upper bound of a sum of `columns` squares that was computed in T, in whatever order.
template <class T>
double squared_norm_bound(T computed, Index columns);

/// max over rows of ||row - shift||^2 of row-major rows (n_rows x columns), rounded up: never below the exact value.
/// Without a row -infinity. `shift` has `columns` entries or none.
template <class T>
double largest_squared_norm(const T* rows, Index n_rows, Index columns, std::span<const T> shift = {});

/// Raises highest[c] to the largest entry of column c and highest_negated[c] to the largest of minus that column.
template <class T>
void raise_to_columns(const T* rows, Index n_rows, Index columns, std::span<double> highest,
                      std::span<double> highest_negated);

struct LowEntries {
  double smallest;     ///< infinity if there is none
  Index not_positive;  ///< entries that are 0, negative or NaN
};
/// Of `n` entries; NaN is not the smallest of anything.
template <class T>
LowEntries low_entries(const T* x, Index n);

}  // namespace breakeven
