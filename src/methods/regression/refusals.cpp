#include "methods/regression/refusals.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/value.hpp"

namespace breakeven::regression {

void validate_tolerance(double tolerance) {
  if (!(tolerance > 0 && tolerance < 1))
    throw BadRequest("tolerance must lie in (0, 1), got " + to_text(Value(tolerance)));
}

void validate_draw(Index draw) {
  if (draw < 0) throw BadRequest("draw must be at least 0, got " + std::to_string(draw));
}

template <class T>
std::optional<BadValue> first_bad_entry(std::string_view dataset, std::span<const T> rows, Index columns,
                                        Index first_row, Index offset) {
  const auto bad = std::find_if(rows.begin(), rows.end(), [](T x) { return !std::isfinite(x); });
  if (bad == rows.end()) return std::nullopt;
  const Index at = bad - rows.begin(), row = first_row + at / columns, column = at % columns;
  const std::string value = std::isnan(*bad) ? "NaN" : (*bad > 0 ? "infinity" : "-infinity");
  return BadValue{offset + row * columns + column, "dataset /" + std::string(dataset) + " holds " + value + " at row " +
                                                       std::to_string(row) + ", column " + std::to_string(column)};
}

template <class T>
std::optional<Index> column_of_zeros(const Communicator& comm, const Array<T>& rows) {
  std::vector<Index> entries(static_cast<std::size_t>(rows.columns()), 0);  // not zero, by column
  for (Index i = 0; i < rows.rows(); ++i)
    for (Index j = 0; j < rows.columns(); ++j)
      if (rows(0, i, j) != 0) ++entries[static_cast<std::size_t>(j)];
  comm.all_reduce(std::span<Index>(entries));
  const auto empty = std::find(entries.begin(), entries.end(), 0);
  if (empty == entries.end()) return std::nullopt;
  return empty - entries.begin();
}

template std::optional<BadValue> first_bad_entry(std::string_view, std::span<const float>, Index, Index, Index);
template std::optional<BadValue> first_bad_entry(std::string_view, std::span<const double>, Index, Index, Index);
template std::optional<Index> column_of_zeros(const Communicator&, const Array<float>&);
template std::optional<Index> column_of_zeros(const Communicator&, const Array<double>&);

}  // namespace breakeven::regression
