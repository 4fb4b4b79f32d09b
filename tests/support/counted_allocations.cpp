#include "support/counted_allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/memory.hpp"

namespace {
std::size_t array_bytes = 0, calls = 0;
}

void* operator new(std::size_t bytes) {
  ++calls;
  void* const memory = std::malloc(std::max<std::size_t>(bytes, 1));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  ++calls;
  array_bytes += bytes;
  const std::size_t unit = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace breakeven {

std::size_t allocated_array_bytes() {
  release_freed_arrays();  // what is kept would come again without a call
  return array_bytes;
}
std::size_t allocations() {
  return calls;
}

}  // namespace breakeven
