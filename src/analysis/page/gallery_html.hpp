#pragma once

#include <string>

#include "base/gallery.hpp"

namespace breakeven::page {

/// The pairs as a section of the page: pictures side by side, or words. Needs no script. Pure.
std::string gallery_section(const Gallery& gallery);

/// A grey picture, edge x edge, as the address of an image: a bitmap of 8 bits in base 64.
std::string picture_address(const std::vector<std::uint8_t>& pixels, Index edge);

}  // namespace breakeven::page
