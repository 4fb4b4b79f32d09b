#pragma once

#include <memory>

#include "results/import/byte_stream.hpp"
#include "results/import/matrix_reader.hpp"

namespace breakeven {

/// Cuts the images of an IDX file (unsigned bytes, images x rows x columns) into patch x patch patches, each one row of
/// patch^2 entries: images in order, patches and the entries of a patch row-major. Memory: a strip of patches.
/// Errors: BadRequest for a patch that does not divide the image, for what is no such IDX file, or is shorter or longer
/// than its header says.
/// Source: the IDX format as described with the MNIST data (LeCun, Cortes, Burges).
std::unique_ptr<MatrixReader> read_idx(ByteStream& bytes, Index patch);

/// The labels of an IDX file (unsigned bytes, one dimension) as rows of `classes` entries: 1 at the label, 0 elsewhere.
/// Errors: BadRequest for classes outside [1, 256], a label that is not below classes, and as above.
std::unique_ptr<MatrixReader> read_idx_labels(ByteStream& bytes, Index classes);

}  // namespace breakeven
