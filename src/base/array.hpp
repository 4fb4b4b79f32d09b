#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "base/index.hpp"
#include "base/memory.hpp"

namespace breakeven {

/// Memory that begins on a cache line, so that full-width vector loads never straddle two; huge pages for large arrays.
template <class T>
struct CacheAligned {
  using value_type = T;
  CacheAligned() = default;
  template <class U>
  explicit CacheAligned(const CacheAligned<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(allocate_array(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) { free_array(memory, count * sizeof(T)); }
  friend bool operator==(const CacheAligned&, const CacheAligned&) { return true; }
};

template <class T>
using AlignedVector = std::vector<T, CacheAligned<T>>;

/// Row-major stack of matrices of equal shape: `slices` matrices of `rows` x `columns`, one after the other.
/// A plain matrix has one slice; attention has one per batch element and head.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Index slices, Index rows, Index columns)
      : slices_(slices), rows_(rows), columns_(columns), data_(static_cast<std::size_t>(slices * rows * columns)) {}

  Index slices() const { return slices_; }
  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index size() const { return slices_ * rows_ * columns_; }

  T* data() { return data_.data(); }
  const T* data() const { return data_.data(); }
  std::span<T> span() { return data_; }
  std::span<const T> span() const { return data_; }

  /// Row-major storage of one slice, rows() x columns().
  T* slice(Index s) { return data() + s * rows_ * columns_; }
  const T* slice(Index s) const { return data() + s * rows_ * columns_; }
  T* row(Index s, Index i) { return slice(s) + i * columns_; }
  const T* row(Index s, Index i) const { return slice(s) + i * columns_; }
  T& operator()(Index s, Index i, Index j) { return row(s, i)[j]; }
  const T& operator()(Index s, Index i, Index j) const { return row(s, i)[j]; }

 private:
  Index slices_ = 0, rows_ = 0, columns_ = 0;
  AlignedVector<T> data_;
};

}  // namespace breakeven
