#include "base/source.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace breakeven {
namespace {

/// Columns of rows that can only be had whole, one row at a time.
template <class T, class ReadRow>
void cut_columns(Range range, Range columns, Index n_columns, std::span<T> out, const ReadRow& read_row) {
  std::vector<T> whole(static_cast<std::size_t>(n_columns));
  T* at = out.data();
  for (Index i = range.begin; i < range.end; ++i) {
    read_row({i, i + 1}, whole);
    at = std::copy(whole.begin() + columns.begin, whole.begin() + columns.end, at);
  }
}

}  // namespace

template <class T>
void Source<T>::rows(std::string_view name, Index slice, Range range, std::span<T> out) const {
  fill(name, slice, range, out);
  served_.entries += static_cast<Index>(out.size());
  served_.bytes += static_cast<Index>(out.size_bytes());
}

template <class T>
Array<T> Source<T>::rows(std::string_view name, Index slice, Range range) const {
  Array<T> block(1, range.size(), columns(name));
  rows(name, slice, range, block.span());
  return block;
}

template <class T>
void Source<T>::block(std::string_view name, Index slice, Range range, Range columns, std::span<T> out) const {
  fill_block(name, slice, range, columns, out);
  served_.entries += static_cast<Index>(out.size());
  served_.bytes += static_cast<Index>(out.size_bytes());
}

template <class T>
T Source<T>::entry(std::string_view name, Index slice, Index i, Index j) const {
  T value{};
  block(name, slice, {i, i + 1}, {j, j + 1}, {&value, 1});
  return value;
}

template <class T>
void Source<T>::entries(std::string_view name, Index slice, std::span<const Position> where, std::span<T> out) const {
  fill_entries(name, slice, where, out);
  served_.entries += static_cast<Index>(out.size());
  served_.bytes += static_cast<Index>(out.size_bytes());
}

template <class T>
void Source<T>::fill_entries(std::string_view name, Index slice, std::span<const Position> where,
                             std::span<T> out) const {
  for (std::size_t k = 0; k < where.size(); ++k)
    fill_block(name, slice, {where[k].row, where[k].row + 1}, {where[k].column, where[k].column + 1},
               out.subspan(k, 1));
}

template <class T>
void Source<T>::fill_block(std::string_view name, Index slice, Range range, Range wanted, std::span<T> out) const {
  cut_columns<T>(range, wanted, columns(name), out,
                 [&](Range row, std::span<T> whole) { fill(name, slice, row, whole); });
}

void InputFile::read_entries(std::string_view name, Index slice, std::span<const Position> where,
                             std::span<float> out) const {
  for (std::size_t k = 0; k < where.size(); ++k)
    read_block(name, slice, {where[k].row, where[k].row + 1}, {where[k].column, where[k].column + 1},
               out.subspan(k, 1));
}

void InputFile::read_entries(std::string_view name, Index slice, std::span<const Position> where,
                             std::span<double> out) const {
  for (std::size_t k = 0; k < where.size(); ++k)
    read_block(name, slice, {where[k].row, where[k].row + 1}, {where[k].column, where[k].column + 1},
               out.subspan(k, 1));
}

void InputFile::read_block(std::string_view name, Index slice, Range range, Range columns, std::span<float> out) const {
  cut_columns<float>(range, columns, shape(name).back(), out,
                     [&](Range row, std::span<float> whole) { read(name, slice, row, whole); });
}

void InputFile::read_block(std::string_view name, Index slice, Range range, Range columns,
                           std::span<double> out) const {
  cut_columns<double>(range, columns, shape(name).back(), out,
                      [&](Range row, std::span<double> whole) { read(name, slice, row, whole); });
}

std::array<Index, 2> InputFile::sign_shape(std::string_view name) const {
  const Shape stored = shape(name);
  if (stored.size() == 2) return {stored[0], stored[1]};
  throw BadRequest(path() + ": /" + std::string(name) + " must be a matrix of signs, has " +
                   std::to_string(stored.size()) + " dimensions");
}

void InputFile::read_signs(std::string_view name, Range range, std::span<Word> out) const {
  constexpr Index most_entries = Index{1} << 20;  // numbers take many times the room of what they say
  const Index columns = sign_shape(name)[1], words = words_for(columns);
  const Index step = std::max<Index>(most_entries / std::max<Index>(columns, 1), 1);
  std::vector<double> signs;
  for (Index begin = range.begin; begin < range.end; begin += step) {
    const Range part{begin, std::min(begin + step, range.end)};
    signs.resize(static_cast<std::size_t>(part.size() * columns));
    read(name, 0, part, std::span<double>(signs));
    pack_signs(signs, columns, name, part.begin,
               out.subspan(static_cast<std::size_t>((begin - range.begin) * words),
                           static_cast<std::size_t>(part.size() * words)));
  }
}

template class Source<float>;
template class Source<double>;
template class Source<Word>;

}  // namespace breakeven
