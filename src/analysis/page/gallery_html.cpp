#include "analysis/page/gallery_html.hpp"

#include <fmt/format.h>

#include "analysis/page/html.hpp"

namespace breakeven::page {
namespace {

std::string base64(const std::string& bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[at + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

void append_little_endian(std::string& bytes, Index value, int n_bytes) {
  for (int k = 0; k < n_bytes; ++k) bytes += static_cast<char>(value >> (8 * k) & 255);
}

std::string item_html(const GalleryItem& item, Index edge) {
  if (item.pixels.empty()) return "<b>" + escape(item.word) + "</b>";
  return fmt::format("<img src=\"{}\" alt=\"row {}\" title=\"row {}\">", picture_address(item.pixels, edge), item.row,
                     grouped(item.row));
}

std::string pairs_html(const char* title, const std::vector<GalleryPair>& pairs, Index edge) {
  if (pairs.empty()) return "";
  std::string html = fmt::format("<h3>{}</h3>\n<ul class=\"gallery\">\n", title);
  for (const GalleryPair& pair : pairs)
    html += fmt::format("<li>{} {}<small>{:.3f}</small></li>\n", item_html(pair.first, edge),
                        item_html(pair.second, edge), pair.correlation);
  return html + "</ul>\n";
}

}  // namespace

std::string picture_address(const std::vector<std::uint8_t>& pixels, Index edge) {
  constexpr Index greys = 256, header_bytes = 14 + 40 + 4 * greys;
  const Index line_bytes = (edge + 3) / 4 * 4;
  std::string bytes = "BM";
  append_little_endian(bytes, header_bytes + line_bytes * edge, 4);
  append_little_endian(bytes, 0, 4);
  append_little_endian(bytes, header_bytes, 4);
  append_little_endian(bytes, 40,
                       4);  // the second header: size, width, height (negative: from the top), 1 plane, 8 bits
  append_little_endian(bytes, edge, 4);
  append_little_endian(bytes, -edge, 4);
  append_little_endian(bytes, 1, 2);
  append_little_endian(bytes, 8, 2);
  bytes.append(16, '\0');  // not compressed; no resolution
  append_little_endian(bytes, greys, 4);
  append_little_endian(bytes, 0, 4);
  for (Index grey = 0; grey < greys; ++grey) append_little_endian(bytes, grey | grey << 8 | grey << 16, 4);
  for (Index line = 0; line < edge; ++line) {
    for (Index column = 0; column < edge; ++column)
      bytes += static_cast<char>(pixels[static_cast<std::size_t>(line * edge + column)]);
    append_little_endian(bytes, 0, static_cast<int>(line_bytes - edge));
  }
  return "data:image/bmp;base64," + base64(bytes);
}

std::string gallery_section(const Gallery& gallery) {
  std::string html = fmt::format(
      "<section id=\"gallery\"><h2>Pairs found</h2>\n<p class=\"note\">{} pairs by {}. Below each pair: the "
      "correlation "
      "of its signs. No item is shown twice.</p>\n",
      grouped(gallery.found), escape(gallery.source));
  if (gallery.found == 0) return html + "<p class=\"nothing\">None.</p></section>\n";
  return html + pairs_html("The closest", gallery.closest, gallery.edge) +
         pairs_html("Those that only just pass", gallery.faintest, gallery.edge) + "</section>\n";
}

}  // namespace breakeven::page
