#pragma once

#include <memory>

#include "results/import/byte_stream.hpp"
#include "results/import/matrix_reader.hpp"

namespace breakeven {

/// A NumPy array: NPY versions 1.0 to 3.0, bool, integers, float32 or float64 of either byte order, C or Fortran order,
/// 1 to 4 dimensions, which become those of the dataset. float32 is stored as f32, everything else as f64; integers
/// beyond 2^53 are rounded. Memory: a block of rows, but the whole array if it is in Fortran order.
/// Errors: BadRequest for any other file, and for one that is shorter or longer than its header says.
std::unique_ptr<MatrixReader> read_npy(ByteStream& bytes);

}  // namespace breakeven
