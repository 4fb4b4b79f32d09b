#include "analysis/page/gallery_html.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/page/report_page.hpp"
#include "analysis/synthetic.hpp"

namespace breakeven {
namespace {

using testing::HasSubstr;
using testing::Not;

Gallery of_words(const std::string& first, const std::string& second) {
  return {"lsh, rho = 0.5", 7, 0, {{{0, first, {}}, {4, second, {}}, 0.875}}, {}};
}

TEST(GalleryHtml, NamesWordsAndTheirCorrelationInertly) {
  const std::string html = page::gallery_section(of_words("<b>bold", "a&b"));
  EXPECT_THAT(html, HasSubstr("<b>&lt;b&gt;bold</b> <b>a&amp;b</b><small>0.875</small>"));
  EXPECT_THAT(html, HasSubstr("7 pairs by lsh, rho = 0.5."));
  EXPECT_THAT(html, Not(HasSubstr("only just pass"))) << "there are none";
  EXPECT_THAT(page::gallery_section({}), HasSubstr("None."));
}

// 3 pixels a line and one byte of filling; bytes of the header checked against the description of the format.
TEST(GalleryHtml, WritesABitmapLineByLineFromTheTop) {
  const std::string address = page::picture_address({0, 1, 2, 3, 4, 5, 250, 251, 252}, 3);
  EXPECT_THAT(address,
              testing::StartsWith("data:image/bmp;base64,Qk1CBAAAAAAAADYEAAAoAAAAAwAAAP3///8BAAgAAAAAAAAAAAAA"));
  // The last bytes are the lines: 00 01 02 00 | 03 04 05 00 | fa fb fc 00.
  EXPECT_THAT(address, testing::EndsWith("ABAgADBAUA+vv8AA=="));
}

TEST(GalleryHtml, StandsOnThePageOnlyIfAskedFor) {
  const Study study = synthetic::crossing_at(1500, {512, 1024, 2048});
  EXPECT_THAT(report_page(study), Not(HasSubstr("id=\"gallery\"")));
  EXPECT_THAT(report_page(study, of_words("cat", "kitten")), HasSubstr("<b>cat</b> <b>kitten</b>"));
}

}  // namespace
}  // namespace breakeven
