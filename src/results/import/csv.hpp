#pragma once

#include <memory>
#include <string>

#include "results/import/byte_stream.hpp"
#include "results/import/matrix_reader.hpp"

namespace breakeven {

struct CsvOptions {
  std::string separator = "auto";  ///< comma, semicolon, tab, blank (any run of blanks and tabs), or one character
  std::string header = "auto";     ///< yes, no; auto: the first line is one if no field of it is a number
  std::string columns;             ///< "a,c" or "1,3..5", in the order they are wanted; "": all
};

/// A table of numbers in text: a line a row, all of the same number of fields. Fields may stand in double quotes; lines
/// end in LF or CRLF; blank lines at the end count for nothing. Numbers are read the same in every locale: 1, -1.5,
/// 2e-3. The text is read twice, once to count and check the first `max_rows` lines (0: all), so its rows need no
/// memory. Errors: BadRequest that names line and field: no number, empty, NaN, infinite, beyond float64; a line with
/// more or fewer fields, or longer than 16 MiB; a column that is not there.
std::unique_ptr<MatrixReader> read_csv(ByteStream& bytes, const CsvOptions& options, Index max_rows);

}  // namespace breakeven
