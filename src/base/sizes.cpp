#include "base/sizes.hpp"

#include <string>

#include "base/error.hpp"

namespace breakeven {

void require_at_least(std::string_view option, Index bound, Index value) {
  if (value < bound)
    throw BadRequest(std::string(option) + " must be at least " + std::to_string(bound) + ", got " +
                     std::to_string(value));
}

void require_countable(std::string_view what, double entries) {
  if (entries > 0x1p56) throw BadRequest(std::string(what) + " must be at most 2^56, got " + to_text(Value(entries)));
}

void refuse_with_input(std::string_view option, const Value& value) {
  if (const std::string got = to_text(value); !got.empty())
    throw BadRequest(std::string(option) + " must not be given with an input file, got " + got);
}

void take_size(std::string_view option, Index file_value, Index& value) {
  if (value != unknown_index && value != file_value)
    throw BadRequest(std::string(option) + " must be " + std::to_string(file_value) + " as in the input file, got " +
                     std::to_string(value));
  value = file_value;
}

void take_rows(std::string_view option, const InputFile& file, std::string_view dataset, Index file_rows, Index& rows) {
  if (rows == unknown_index) rows = file_rows;
  if (rows > file_rows)
    throw BadRequest(std::string(option) + " must be at most " + std::to_string(file_rows) + ", the rows of /" +
                     std::string(dataset) + " of " + file.path() + ", got " + std::to_string(rows));
}

}  // namespace breakeven
