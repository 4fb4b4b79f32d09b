#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "results/import/byte_stream.hpp"
#include "results/import/matrix_reader.hpp"

namespace breakeven {

/// What can be asked of an import whatever the format is.
struct ImportOptions {
  std::vector<std::string> names{"q", "k", "v"};  ///< names of the one dataset that is written
  double normalise = 1;                           ///< every entry is divided by it
  Index max_rows = 0;                             ///< stop after so many rows, of each matrix of a stack; 0: all
  std::string dtype = "auto";                     ///< f32 or f64; auto: as the format has it
  bool overwrite = false;                         ///< replace an existing output
  bool append = false;                            ///< add the dataset to an existing input file
};

struct ImportSummary {
  std::string source;         ///< "3 images of 8 x 4 pixels"
  Shape shape;                ///< of the dataset
  std::string names_of_rows;  ///< the dataset that holds them, "" if the format has none
};

/// Makes the reader of a format; the import then sees no difference between formats.
using OpenMatrix = std::function<std::unique_ptr<MatrixReader>(ByteStream&)>;

/// Writes the matrix of `source`, a file of whatever format `open` reads, plain or gzip, as the input file `out`, block
/// by block. The same source and options give the same bytes. With `append` the output keeps what it holds and is put
/// in its place whole, or stays as it was. Names of rows become a dataset of texts, <first name>_words. Errors:
/// BadRequest for an option out of bounds, an output that exists (or with `append` does not, or holds a dataset of that
/// name), and all that the format refuses, before the output is created; for an entry that is not finite, which leaves
/// no output either. Failure if the output cannot be written.
ImportSummary import_matrix(const std::string& source, const OpenMatrix& open, const ImportOptions& options,
                            const std::string& out);

/// Codes rows of numbers as rows of bits; how is not known here.
struct RowCoder {
  Index n_bits = 0;
  /// Rows of numbers to rows of ceil(n_bits / 8) bytes: bit b is bit b % 8 of byte b / 8, bits beyond the last are
  /// zero.
  std::function<void(std::span<const double> rows, std::span<std::uint8_t> codes)> encode;
  Values settings;
  std::string how_made;  ///< "bit b is 1 where ..."
};

struct CodeOptions {
  bool centre = true;                            ///< subtract the mean of the rows first
  std::function<RowCoder(Index columns)> coder;  ///< throws BadRequest for a number of columns that it cannot take
};

/// Writes codes of the rows in place of the rows: a dataset of bytes, n x ceil(n_bits / 8), with attributes n_bits and
/// bit_order = "little", as numpy.packbits(negative, axis=1, bitorder="little") packs them. With `centre` the source is
/// read once more, for the mean. Errors: as above, and BadRequest for a vector, a stack, or a dtype that is given.
ImportSummary import_codes(const std::string& source, const OpenMatrix& open, const ImportOptions& options,
                           const CodeOptions& codes, const std::string& out);

}  // namespace breakeven
