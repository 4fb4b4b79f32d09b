#include "base/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <new>

namespace breakeven {
namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

// The address sanitizer watches freed memory, so it must get it.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool keeps_freed = false;
#else
constexpr bool keeps_freed = true;
#endif

std::align_val_t alignment_of(std::size_t bytes) {
  return std::align_val_t{bytes >= huge_page ? huge_page : cache_line};
}

/// Large arrays that were freed, for the next ones of their size. The heap would give an aligned block of another place
/// each time, since it fits into a gap of its own size by chance alone. Trivially destructible: it outlives every
/// array.
struct Freed {
  struct Block {
    void* memory;
    std::size_t bytes;
  };
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;  // as much as the heap keeps (run_main.cpp)
  std::array<Block, most_bytes / huge_page> blocks;                 // the oldest first
  std::size_t count, bytes;

  void* take(std::size_t size) {
    for (std::size_t k = count; k-- > 0;) {
      if (blocks[k].bytes != size) continue;
      void* const memory = blocks[k].memory;
      remove(k);
      return memory;
    }
    return nullptr;
  }
  void keep(void* memory, std::size_t size) {
    if (!keeps_freed || size > most_bytes) return release(memory, size);
    while (count > 0 && (count == blocks.size() || bytes + size > most_bytes)) drop_oldest();
    blocks[count++] = {memory, size};
    bytes += size;
  }
  void drop_oldest() {
    const Block oldest = blocks[0];
    remove(0);
    release(oldest.memory, oldest.bytes);
  }

 private:
  static void release(void* memory, std::size_t size) { ::operator delete(memory, alignment_of(size)); }
  void remove(std::size_t k) {
    bytes -= blocks[k].bytes;
    std::copy(blocks.begin() + static_cast<std::ptrdiff_t>(k) + 1, blocks.begin() + static_cast<std::ptrdiff_t>(count),
              blocks.begin() + static_cast<std::ptrdiff_t>(k));
    --count;
  }
};
thread_local constinit Freed freed{};

}  // namespace

void* allocate_array(std::size_t bytes) {
  if (bytes < huge_page) return ::operator new(bytes, alignment_of(bytes));
  if (void* const memory = freed.take(bytes)) return memory;
  void* const memory = ::operator new(bytes, alignment_of(bytes));
  madvise(memory, bytes, MADV_HUGEPAGE);  // advice: where it is refused, nothing is lost
  return memory;
}

void free_array(void* memory, std::size_t bytes) noexcept {
  if (bytes < huge_page)
    ::operator delete(memory, alignment_of(bytes));
  else
    freed.keep(memory, bytes);
}

void release_freed_arrays() noexcept {
  while (freed.count > 0) freed.drop_oldest();
}

}  // namespace breakeven
