#include "results/import/npy.hpp"

#include "outcome.hpp"

/// The file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace breakeven;
  fuzz::parse([&] {
    const auto bytes = bytes_in_memory("array.npy", {data, size});
    fuzz::read_all(*read_npy(*bytes), static_cast<Index>(size));
  });
  return 0;
}
