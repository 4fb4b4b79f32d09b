#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// A row of a search, and the word or picture it stands for.
struct GalleryItem {
  Index row = 0;
  std::string word;                  ///< empty if it is a picture
  std::vector<std::uint8_t> pixels;  ///< greys, edge x edge, line by line from the top; 0 is black
};

struct GalleryPair {
  GalleryItem first, second;
  double correlation = 0;  ///< inner product over the number of signs
};

/// Some of the pairs that a search has found, shown as what they stand for.
struct Gallery {
  std::string source;                          ///< method and threshold
  Index found = 0;                             ///< pairs there are
  Index edge = 0;                              ///< of the pictures, in pixels
  std::vector<GalleryPair> closest, faintest;  ///< of the highest and of the lowest correlation; no row in two of them
};

}  // namespace breakeven
