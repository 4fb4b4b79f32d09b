#include "results/import/csv.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "results/import/csv_text.hpp"

namespace breakeven {
namespace {

/// The lines of a CSV text as numbers, from the first line on.
class CsvRows {
 public:
  CsvRows(ByteStream& bytes, const CsvOptions& options) : bytes_(bytes), options_(options), lines_(bytes) {
    detects_ = options.separator == "auto";
    if (!detects_) separator_ = separator_of(options.separator);
    read_beginning();
  }

  std::size_t columns() const { return chosen_.size(); }
  std::size_t fields() const { return fields_in_a_line_; }
  char separator() const { return separator_; }
  const std::vector<std::string>& header() const { return header_; }

  /// The next row into `row`, columns() long; false at the end.
  bool next(std::span<double> row) {
    if (!pending_ && !next_line()) return false;
    pending_ = false;
    for (std::size_t i = 0; i < chosen_.size(); ++i) row[i] = number_of_field(chosen_[i]);
    return true;
  }

 private:
  /// The header if there is one, and the first line of numbers, which stays pending.
  void read_beginning() {
    if (!next_line()) bytes_.reject("holds no lines");
    if (first_line_is_header()) {
      for (const std::string_view name : split_) header_.emplace_back(name);
      if (!next_line()) bytes_.reject("holds a header and no rows");
    }
    pending_ = true;
    chosen_ = chosen_columns(options_.columns, header_, fields_in_a_line_);
  }

  bool first_line_is_header() const {
    if (options_.header != "auto") return options_.header == "yes";
    const auto is_number = [](std::string_view field) { return number_in(field).has_value(); };
    const auto is_empty = [](std::string_view field) { return field.empty(); };
    return std::none_of(split_.begin(), split_.end(), is_number) &&
           !std::all_of(split_.begin(), split_.end(), is_empty);
  }

  bool next_line() {
    Index blank_line =
        0;  // blank lines are allowed at the end alone: in the middle one could be a value that is missing
    while (lines_.next(line_)) {
      if (line_.find_first_not_of(" \t") == std::string::npos) {
        if (blank_line == 0) blank_line = lines_.number();
        continue;
      }
      if (blank_line != 0) bytes_.reject("line " + std::to_string(blank_line) + " is empty");
      split();
      return true;
    }
    return false;
  }

  void split() {
    if (detects_ && lines_.number() == 1) separator_ = likely_separator(line_);
    const std::string wrong = split_fields(line_, separator_, split_);
    if (!wrong.empty()) bytes_.reject("line " + std::to_string(lines_.number()) + ": " + wrong);
    if (fields_in_a_line_ == 0) fields_in_a_line_ = split_.size();
    if (split_.size() != fields_in_a_line_)
      bytes_.reject("line " + std::to_string(lines_.number()) + " has " + std::to_string(split_.size()) +
                    " fields, the lines before it have " + std::to_string(fields_in_a_line_) +
                    (detects_ ? "; the separator was taken to be " + separator_name(separator_) : ""));
  }

  double number_of_field(std::size_t at) const {
    const std::string_view field = split_[at];
    const std::optional<double> number = number_in(field);
    if (number && std::isfinite(*number)) return *number;
    std::string place = "line " + std::to_string(lines_.number()) + ", field " + std::to_string(at + 1);
    if (!header_.empty()) place += " (" + in_quotes(header_[at]) + ")";
    if (field.empty()) bytes_.reject(place + " is empty");
    if (!number) bytes_.reject(place + " must be a number, got " + in_quotes(field));
    bytes_.reject(place + " must be finite and within float64, got " + in_quotes(field));
  }

  ByteStream& bytes_;
  const CsvOptions& options_;
  LineReader lines_;
  bool detects_ = false, pending_ = false;
  char separator_ = ',';
  std::string line_;
  std::vector<std::string_view> split_;  ///< fields of line_
  std::size_t fields_in_a_line_ = 0;
  std::vector<std::string> header_;
  std::vector<std::size_t> chosen_;
};

class CsvReader final : public MatrixReader {
 public:
  CsvReader(ByteStream& bytes, const CsvOptions& options, Index max_rows) : bytes_(bytes), options_(options) {
    if (options.header != "auto" && options.header != "yes" && options.header != "no")
      throw BadRequest("header must be auto, yes or no, got " + in_quotes(options.header));
    CsvRows checked(bytes_, options_);
    std::vector<double> row(checked.columns());
    Index rows = 0;
    while ((max_rows == 0 || rows < max_rows) && checked.next(row)) ++rows;
    describe(checked, rows);
    bytes_.rewind();
    rows_ = std::make_unique<CsvRows>(bytes_, options_);
  }

  const MatrixFacts& facts() const override { return facts_; }

  void read(std::span<double> rows) override {
    for (; !rows.empty(); rows = rows.subspan(rows_->columns()))
      if (rows.size() < rows_->columns() || !rows_->next(rows.first(rows_->columns())))
        bytes_.reject("has changed while it was read");
  }

 private:
  void describe(const CsvRows& checked, Index rows) {
    facts_.shape = {rows, static_cast<Index>(checked.columns())};
    facts_.dtype = "f64";
    facts_.summary = std::to_string(rows) + " lines of " + std::to_string(checked.fields()) + " fields, " +
                     (checked.header().empty() ? "no header" : "a header");
    facts_.settings = {{"separator", separator_name(checked.separator()), "", ""},
                       {"columns", options_.columns.empty() ? "all" : options_.columns, "", ""}};
    facts_.origin = {{"fields", static_cast<Index>(checked.fields()), "", ""},
                     {"has_header", !checked.header().empty(), "", ""}};
    facts_.how_made =
        "breakeven import csv: each row is one line, its entries the chosen fields; entries divided by normalise";
  }

  ByteStream& bytes_;
  CsvOptions options_;
  std::unique_ptr<CsvRows> rows_;
  MatrixFacts facts_;
};

}  // namespace

std::unique_ptr<MatrixReader> read_csv(ByteStream& bytes, const CsvOptions& options, Index max_rows) {
  return std::make_unique<CsvReader>(bytes, options, max_rows);
}

}  // namespace breakeven
