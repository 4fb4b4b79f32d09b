#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace breakeven {

/// A copy of some numbers at the very end of readable memory: whoever reads beyond them, crashes.
template <class T>
class GuardedRows {
 public:
  explicit GuardedRows(const std::vector<T>& entries) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t readable = (entries.size() * sizeof(T) + page - 1) / page * page;
    bytes_ = readable + page;
    void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(memory);
    if (mprotect(memory_ + readable, page, PROT_NONE) != 0) throw std::bad_alloc();
    rows_ = reinterpret_cast<T*>(memory_ + readable) - entries.size();
    std::ranges::copy(entries, rows_);
  }
  GuardedRows(const GuardedRows&) = delete;
  GuardedRows& operator=(const GuardedRows&) = delete;
  ~GuardedRows() { munmap(memory_, bytes_); }

  T* data() const { return rows_; }

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  T* rows_ = nullptr;
};

}  // namespace breakeven
