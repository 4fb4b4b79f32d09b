#pragma once

#include <string>
#include <string_view>

namespace breakeven {

/// Hexadecimal SHA-256 of a text.
std::string sha256(std::string_view text);
/// Hexadecimal SHA-256 of a file's bytes; throws BadRequest if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace breakeven
