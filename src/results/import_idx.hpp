#pragma once

#include <string>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// How an image file becomes rows of a matrix.
struct IdxImport {
  std::vector<std::string> names{"q", "k", "v"};  ///< names of the one dataset that is written
  Index patch = 4;                                ///< edge of the square patches an image is cut into
  double normalise = 255;                         ///< every pixel is divided by it
  Index max_rows = 0;                             ///< stop after so many rows; 0: all
  bool overwrite = false;                         ///< replace an existing output
};

struct IdxSummary {
  Index images = 0, image_rows = 0, image_columns = 0;
  Index rows = 0, columns = 0;  ///< of the dataset
};

/// Cuts the images of an IDX file (unsigned bytes, images x rows x columns; plain or gzip) into patch x patch patches,
/// each one row of patch^2 float32 entries: images in order, patches and the entries of a patch row-major. Written to
/// `out` in blocks, in memory that does not grow with the file; the same source and options give the same bytes.
/// Errors: BadRequest, before the output is created, for a patch that does not divide the image, normalise <= 0, a
/// source that is no such IDX file or is shorter or longer than its header says, an existing output; Failure if the
/// output cannot be written.
/// Source: the IDX format as described with the MNIST data (LeCun, Cortes, Burges).
IdxSummary import_idx(const std::string& source, const IdxImport& options, const std::string& out);

}  // namespace breakeven
