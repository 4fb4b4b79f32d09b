#include "results/import/csv.hpp"

#include <algorithm>

#include "outcome.hpp"

/// Up to three lines of options (separator, header, columns, each ended by a NUL), then the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace breakeven;
  const std::uint8_t* const end = data + size;
  CsvOptions options;
  for (std::string* option : {&options.separator, &options.header, &options.columns}) {
    const std::uint8_t* const nul = std::find(data, end, 0);
    if (nul == end) return 0;
    option->assign(data, nul);
    data = nul + 1;
  }
  fuzz::parse([&] {
    const auto bytes = bytes_in_memory("table.csv", {data, end});
    fuzz::read_all(*read_csv(*bytes, options, 0), static_cast<Index>(size));
  });
  return 0;
}
