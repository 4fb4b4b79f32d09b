#pragma once

#include <string>

#include "analysis/break_even.hpp"
#include "harness/record.hpp"

namespace breakeven::page {

/// All data of the page as one JSON object, the script's only input:
///   series  [{name, role}]           in drawing order, exact methods first
///   study, label, shown              names, and the group the figures open with: that of the headline
///   groups  [{label, factor, scaling, maps}]  one per curve: task but for its factor (n, or d), with its ranks;
///                                    `scaling` joins those of all ranks. `n` in all tables is the value of that
///                                    factor. maps [{map, factor, value}]: curves of one `map` differ in that number
///                                    alone
///   points  [{group, n, series, ...}] set-up + run time with interval, quality, on the front or not
///   breaks  [{group, series, ...}]   the break-evens
///   scaling [{scaling, n, series, ranks, ...}]
///   ranks   [{group, n, series, rank, ...}]  median time of each rank (or bin of neighbouring ranks)
///   counts  [{group, n, series, count, value, slope, ...}]  what methods counted, where it grows with the factor
///   cases   {rows, columns: [{name, unit, help, kind, value | values}]}   /cases as it is, every column
/// points, breaks, scaling, ranks and counts are stored by column: {field: [a value per row]}.
/// Numbers that JSON has no word for become null. Strings are those of the file; script_json() makes them safe.
std::string page_data(const Study& study, const std::vector<BreakEven>& results);

/// More cells than this in one row of the heat map cannot be told apart: neighbouring ranks are then binned.
inline constexpr Index most_rank_cells = 64;

}  // namespace breakeven::page
