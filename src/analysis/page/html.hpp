#pragma once

#include <string>
#include <string_view>

#include "base/index.hpp"

namespace breakeven::page {

/// Text as HTML content or attribute value: & < > " ' become entities, other control characters than newline U+FFFD.
std::string escape(std::string_view text);

/// JSON as the content of a script element: "<" becomes \u003c, so that no string can end the element or open a
/// comment.
std::string script_json(std::string json);

/// "12,345"
std::string grouped(double n);
std::string grouped(Index n);
/// "1.2&times;10<sup>&minus;3</sup>", plain digits between 0.01 and 1000, "unknown" for NaN.
std::string number_html(double x);
/// "1.23 ms"
std::string time_text(double seconds);

}  // namespace breakeven::page
