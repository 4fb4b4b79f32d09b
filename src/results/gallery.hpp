#pragma once

#include <string>

#include "base/gallery.hpp"

namespace breakeven {

/// The `count` closest and faintest pairs of a solution file of inner_product/heavy_pairs, searched in one set
/// (--self), with their items: a dataset of texts, one a row (as `import words` stores), or of numbers whose rows are
/// square pictures, each as bright as its largest entry (as `import idx --patch 28` stores). `dataset` empty: the first
/// one of texts in the file, else "a". Not collective. Errors: BadRequest that names file and dataset: no such
/// solution, a search in two sets, too few items for the rows, rows that are no square.
Gallery read_gallery(const std::string& solution, const std::string& items_file, const std::string& dataset,
                     Index count);

}  // namespace breakeven
