#pragma once

#include <string_view>

#include "base/index.hpp"
#include "base/source.hpp"
#include "base/value.hpp"

// Checks of sizes and values that problems and methods share. All throw BadRequest; pure.
namespace breakeven {

void require_at_least(std::string_view option, Index bound, Index value);

/// Sizes are multiplied as Index once they are accepted: 2^56 entries fit no machine, and any few bytes each fit an
/// Index. `what` is the product in words; `entries` is computed in float64, where it cannot overflow.
void require_countable(std::string_view what, double entries);

/// What describes generated data says nothing of a file's: the value must be unknown (unknown_index, NaN, "").
void refuse_with_input(std::string_view option, const Value& value);

/// A size that was not asked for is the file's; one that was must equal it.
void take_size(std::string_view option, Index file_value, Index& value);

/// As many rows as were asked for, the first ones; all those of the dataset, `file_rows`, if none were.
void take_rows(std::string_view option, const InputFile& file, std::string_view dataset, Index file_rows, Index& rows);

}  // namespace breakeven
