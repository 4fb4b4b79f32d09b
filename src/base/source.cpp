#include "base/source.hpp"

namespace breakeven {

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
T Source<T>::entry(std::string_view name, Index slice, Index i, Index j) const {
  // One whole row: the price of one file access is the same, and no implementation needs a second way to read.
  std::vector<T> row(static_cast<std::size_t>(columns(name)));
  fill(name, slice, {i, i + 1}, row);
  served_.entries += 1;
  served_.bytes += static_cast<Index>(sizeof(T));
  return row[static_cast<std::size_t>(j)];
}

template class Source<float>;
template class Source<double>;

}  // namespace breakeven
