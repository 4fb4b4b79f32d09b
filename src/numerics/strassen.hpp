#pragma once

#include <span>

#include "base/index.hpp"
#include "numerics/strided_matrix.hpp"

namespace breakeven {

/// Extents of a product C = A B': A rows x depth, B columns x depth, C rows x columns.
struct ProductShape {
  Index rows = 0, columns = 0, depth = 0;
  ProductShape halved() const { return {rows / 2, columns / 2, depth / 2}; }
};

/// C = A B' by Strassen's recursion: seven products of halves instead of eight, `levels` times, then BLAS. Overwrites
/// C. Intermediate numbers are up to 8^levels times as large as those of the plain sum.
/// Local. Cost: strassen_multiplications() multiplications and as many additions in products, 18 additions of quarters
/// a level. Memory: `work` of strassen_work() entries. Errors: none; all extents must be multiples of 2^levels.
/// Source: Strassen (1969).
void strassen_product(const ProductShape& shape, StridedMatrix<const double> a, StridedMatrix<const double> b,
                      StridedMatrix<double> c, Index levels, std::span<double> work);

/// Entries of work: (rows depth + columns depth + rows columns) (1/4 + 1/16 + ...).
Index strassen_work(const ProductShape& shape, Index levels);

/// rows columns depth (7/8)^levels.
Index strassen_multiplications(const ProductShape& shape, Index levels);

}  // namespace breakeven
