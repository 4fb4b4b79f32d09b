#pragma once

#include "base/source.hpp"
#include "results/import/byte_stream.hpp"

namespace breakeven {

/// What the header of an NPY file says of the array behind it.
struct NpyHeader {
  char kind = 'f';        ///< b: truth value, i: signed, u: unsigned, f: floating point
  std::size_t bytes = 8;  ///< of one entry: 1, 2, 4 or 8
  bool big_endian = false;
  bool fortran_order = false;
  Shape shape;  ///< 1 to 4 dimensions of at least 1; the array's size in bytes fits an Index
  Index entries = 0;
  std::size_t header_bytes = 0;  ///< where the array begins
};

/// Reads the header and leaves the stream where the array begins. The header is a dictionary as Python writes it; the
/// few forms that NumPy writes are read, nothing is evaluated.
/// Errors: BadRequest for any other form, for types and shapes that are no input of the suite.
/// Source: NumPy's format description (numpy.lib.format), versions 1.0, 2.0 and 3.0.
NpyHeader read_npy_header(ByteStream& bytes);

/// Name of the type as NumPy prints it: "float64", "uint8", "bool".
std::string type_name(const NpyHeader& header);

}  // namespace breakeven
