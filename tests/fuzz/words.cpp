#include "results/import/words.hpp"

#include "outcome.hpp"

/// The file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace breakeven;
  fuzz::parse([&] {
    const auto bytes = bytes_in_memory("vectors.json", {data, size});
    const auto reader = read_words(*bytes, 0);
    if (static_cast<Index>(reader->facts().row_names.size()) != reader->facts().shape[0])
      fuzz::finding("not as many words as rows");
    fuzz::read_all(*reader, static_cast<Index>(size));
  });
  return 0;
}
