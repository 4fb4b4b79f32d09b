#pragma once

#include <cstdint>

#include "base/index.hpp"

namespace breakeven {

enum class SketchKind {
  count,     ///< one entry +-1 a column (Clarkson and Woodruff 2013)
  osnap,     ///< `nonzeros` entries +-1/sqrt(nonzeros) a column, one in each block of rows (Nelson and Nguyen 2013)
  gaussian,  ///< independent normal entries of variance 1/rows; for tests, since its law is exact
};

/// A random matrix S (rows x n) whose columns belong to the rows of A at their global indices, so that S A is the same
/// for every rank count and the sketches of ranks add up. Never stored. Local, no communicator.
/// Columns of S are drawn from `draw` (a seed) and the global row index alone. Errors: none.
struct Sketch {
  SketchKind kind = SketchKind::osnap;
  Index rows = 0;      ///< below 2^32; osnap: a multiple of nonzeros
  Index nonzeros = 8;  ///< of a column; osnap only
  std::uint64_t draw = 1;

  /// out += S A for the rows [first_global, first_global + n_rows) of A. a: n_rows x columns, out: rows x columns, both
  /// row-major without gaps. Cost: 2 per_column() n_rows columns flops, one read of a.
  template <class T>
  void add(const T* a, Index n_rows, Index columns, Index first_global, T* out) const;
  double flops(Index n_rows, Index columns) const;
  /// Nonzeros of a column of S.
  Index per_column() const;

  /// Entry (i, j_global) of S, by the plain definition: the oracle of add().
  double entry(Index i, Index j_global) const;
};

}  // namespace breakeven
