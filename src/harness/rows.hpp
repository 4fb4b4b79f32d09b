#pragma once

#include <set>
#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// The columns of a record as one JSON object on one line; null where unknown.
std::string to_json_line(const Record& record);
/// The columns of all records, each once, those of one kind together as in /cases: methods differ in their parameters.
std::vector<std::string> csv_columns(const std::vector<Record>& records);
/// The record with exactly these columns, empty where it lacks one.
Record with_columns(const Record& record, const std::vector<std::string>& columns);
std::string csv_header(const Record& record);
std::string to_csv_line(const Record& record);

/// The table people read: heading, and one row a record. `parameters`: the columns of the method's parameters to show;
/// those nobody set are in the file.
std::string table_header();
std::string to_table_row(const Record& record, const std::set<std::string>& parameters);

/// Sends what was printed on its way; throws Failure with the reason if standard output does not take it.
void flush_standard_output();

/// 1.23 ms, 4.56 s: three digits.
std::string human_time(double seconds);

}  // namespace breakeven
