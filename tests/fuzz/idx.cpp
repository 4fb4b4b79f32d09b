#include "results/import/idx.hpp"

#include "outcome.hpp"

/// First byte: edge of the patches, or classes of labels. Then the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace breakeven;
  if (size == 0) return 0;
  fuzz::parse([&] {
    const auto bytes = bytes_in_memory("images.idx", {data + 1, size - 1});
    fuzz::read_all(*read_idx(*bytes, data[0]), static_cast<Index>(size));
  });
  fuzz::parse([&] {
    const auto bytes = bytes_in_memory("labels.idx", {data + 1, size - 1});
    fuzz::read_all(*read_idx_labels(*bytes, data[0]), 256 * static_cast<Index>(size));
  });
  return 0;
}
