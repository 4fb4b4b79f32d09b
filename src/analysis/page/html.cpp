#include "analysis/page/html.hpp"

#include <fmt/format.h>

#include <cmath>

namespace breakeven::page {

std::string escape(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? "\xef\xbf\xbd" : std::string(1, c);
    }
  }
  return safe;
}

std::string script_json(std::string json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

std::string grouped(double n) {
  std::string digits = fmt::format("{:.0f}", n);
  const std::size_t first = digits.front() == '-' ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string grouped(Index n) {
  return grouped(static_cast<double>(n));
}

std::string number_html(double x) {
  if (std::isnan(x)) return "unknown";
  if (std::isinf(x)) return x > 0 ? "&infin;" : "&minus;&infin;";
  const double magnitude = std::abs(x);
  if (magnitude == 0) return "0";
  if (magnitude >= 0.01 && magnitude < 1000) return fmt::format("{:.3g}", x);
  const std::string text = fmt::format("{:.1e}", x);
  const std::size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  return fmt::format("{}&times;10<sup>{}{}</sup>", text.substr(0, e), exponent < 0 ? "&minus;" : "",
                     std::abs(exponent));
}

std::string time_text(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  if (seconds >= 1) return fmt::format("{:.3g} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds >= 1e-6) return fmt::format("{:.3g} µs", seconds * 1e6);
  return fmt::format("{:.3g} ns", seconds * 1e9);
}

}  // namespace breakeven::page
