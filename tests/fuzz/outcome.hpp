#pragma once

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "results/import/matrix_reader.hpp"

namespace breakeven::fuzz {

/// Ends the fuzzer with a finding.
[[noreturn]] inline void finding(const std::string& what) {
  std::cerr << "finding: " << what << std::endl;
  std::abort();
}

/// Runs the parser. A refusal is fine if it is one printable line; any other exception ends the fuzzer by itself.
template <class Body>
void parse(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    const char* message = error.what();
    if (*message == '\0') finding("a refusal without a word");
    for (const char* c = message; *c != '\0'; ++c)
      if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7f)
        finding("a refusal with a control character: " + std::string(message));
  }
}

/// Reads all of a matrix in blocks. What its shape declares must be there, and no more than `most_entries`: every entry
/// stands for at least one bit of the file.
inline void read_all(MatrixReader& reader, Index most_entries) {
  const Shape& shape = reader.facts().shape;
  if (shape.empty()) finding("a matrix without a shape");
  Index rows = 1;
  const Index columns = shape.size() == 1 ? 1 : shape.back();
  for (std::size_t k = 0; k + (shape.size() == 1 ? 0 : 1) < shape.size(); ++k) rows *= shape[k];
  if (rows < 1 || columns < 1 || rows * columns > most_entries) finding("a shape that the file cannot hold");
  std::vector<double> block;
  for (Index done = 0, count = 0; done < rows; done += count) {
    count = std::min<Index>(rows - done, 3);
    block.assign(static_cast<std::size_t>(count * columns), 0);
    reader.read(block);
  }
}

}  // namespace breakeven::fuzz
