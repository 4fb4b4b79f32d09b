#pragma once

#include <span>
#include <string>

#include "base/source.hpp"
#include "base/value.hpp"

namespace breakeven {

/// What a file that is imported holds, in the words of its format.
struct MatrixFacts {
  Shape shape;                         ///< of the dataset: leading dimensions, rows, columns; {n} for a vector
  std::string dtype;                   ///< that it is stored in unless another is asked for: f32 or f64
  std::string summary;                 ///< for the user: "3 images of 8 x 4 pixels"
  Values settings;                     ///< attributes of the dataset: how the file was read,
  Values origin;                       ///< what stood in it,
  std::string how_made;                ///< and in a sentence what the rows are
  std::vector<std::string> row_names;  ///< one a row if the format has them: they go into the input file too
};

/// A matrix, or a stack of them, read from first row to last: what all formats of `breakeven import` have in common.
/// One that exists is readable: header and length were checked when it was made, with BadRequest for what is wrong.
class MatrixReader {
 public:
  virtual ~MatrixReader() = default;
  virtual const MatrixFacts& facts() const = 0;
  /// The next rows, as many as fill `rows`; never more than there are, in all slices together. NaN and infinity are
  /// passed on as they stand. Errors: BadRequest if the file has changed since it was checked.
  virtual void read(std::span<double> rows) = 0;
};

}  // namespace breakeven
