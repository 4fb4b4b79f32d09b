#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/array.hpp"
#include "base/solution_array.hpp"
#include "comm/communicator.hpp"

// What the problems of the family and their methods refuse in the same words.
namespace breakeven::regression {

/// Throws BadRequest: an accuracy outside (0, 1), a negative number of the draw.
void validate_tolerance(double tolerance);
void validate_draw(Index draw);

/// The lowest NaN or infinity of a dataset whose rows [first_row, ...) are given, row-major; `offset` is the position
/// of its entry (0, 0). Local.
template <class T>
std::optional<BadValue> first_bad_entry(std::string_view dataset, std::span<const T> rows, Index columns,
                                        Index first_row, Index offset);

/// The first column in which the rows of all ranks hold nothing but zeros. Collective, one message.
template <class T>
std::optional<Index> column_of_zeros(const Communicator& comm, const Array<T>& rows);

}  // namespace breakeven::regression
