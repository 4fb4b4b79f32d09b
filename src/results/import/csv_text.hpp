#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/import/byte_stream.hpp"

namespace breakeven {

/// The lines of a text, without their ends (LF or CRLF) and without the mark that some programs begin UTF-8 with.
/// Errors: BadRequest for a line above 16 MiB, so that memory stays bounded whatever a gzip file unpacks to.
class LineReader {
 public:
  explicit LineReader(ByteStream& bytes) : bytes_(bytes), block_(1 << 16) {}
  /// False at the end of the text.
  bool next(std::string& line);
  Index number() const { return number_; }  ///< of the last line, from 1

 private:
  ByteStream& bytes_;
  std::vector<std::uint8_t> block_;
  std::size_t begin_ = 0, end_ = 0;
  Index number_ = 0;
};

inline constexpr char blanks = ' ';  ///< as separator: any run of blanks and tabs

/// Cuts a line at its separators, blanks around fields aside. What stands in double quotes is one field, without them.
/// Returns what is wrong with the line, "" if nothing. At most 2^20 fields.
std::string split_fields(std::string_view line, char separator, std::vector<std::string_view>& fields);

/// The separator a line seems to have: the first of tab, semicolon, comma that stands in it, else blanks.
char likely_separator(std::string_view line);

/// comma, semicolon, tab, blank or one character; throws BadRequest. Not for "auto".
char separator_of(const std::string& text);
std::string separator_name(char separator);

/// The number that is all of `text`, infinite if it is beyond float64; nothing if there is none.
std::optional<double> number_in(std::string_view text);

/// Which fields of a line are wanted: names of `header`, or numbers from 1 and ranges a..b of them; "": all.
/// Throws BadRequest.
std::vector<std::size_t> chosen_columns(const std::string& columns, const std::vector<std::string>& header,
                                        std::size_t fields);

}  // namespace breakeven
