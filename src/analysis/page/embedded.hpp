#pragma once

#include <string_view>

/// The files of the page, linked in by cmake/PageBundle.cmake. A symbol pair marks the bytes of each.
extern "C" {
extern const char page_vega_bundle_min_js_begin[], page_vega_bundle_min_js_end[];
extern const char page_LICENSES_begin[], page_LICENSES_end[];
extern const char page_style_css_begin[], page_style_css_end[];
extern const char page_boot_js_begin[], page_boot_js_end[];
extern const char page_overview_vl_json_begin[], page_overview_vl_json_end[];
extern const char page_time_vl_json_begin[], page_time_vl_json_end[];
extern const char page_front_vl_json_begin[], page_front_vl_json_end[];
extern const char page_scaling_vl_json_begin[], page_scaling_vl_json_end[];
extern const char page_efficiency_vl_json_begin[], page_efficiency_vl_json_end[];
extern const char page_ranks_vl_json_begin[], page_ranks_vl_json_end[];
extern const char page_counts_vl_json_begin[], page_counts_vl_json_end[];
extern const char page_winners_vl_json_begin[], page_winners_vl_json_end[];
}

namespace breakeven::page {

inline std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// vega, vega-lite, vega-embed and vega-interpreter as one script; see bundle/build.sh.
inline std::string_view vega_bundle() {
  return between(page_vega_bundle_min_js_begin, page_vega_bundle_min_js_end);
}
/// Licence texts of everything inside the bundle.
inline std::string_view licences() {
  return between(page_LICENSES_begin, page_LICENSES_end);
}
inline std::string_view style() {
  return between(page_style_css_begin, page_style_css_end);
}
inline std::string_view boot_script() {
  return between(page_boot_js_begin, page_boot_js_end);
}

/// One Vega-Lite specification, without its data.
struct Chart {
  std::string_view name;
  std::string_view specification;
};
inline const Chart charts[] = {
    {"overview", between(page_overview_vl_json_begin, page_overview_vl_json_end)},
    {"time", between(page_time_vl_json_begin, page_time_vl_json_end)},
    {"front", between(page_front_vl_json_begin, page_front_vl_json_end)},
    {"scaling", between(page_scaling_vl_json_begin, page_scaling_vl_json_end)},
    {"efficiency", between(page_efficiency_vl_json_begin, page_efficiency_vl_json_end)},
    {"ranks", between(page_ranks_vl_json_begin, page_ranks_vl_json_end)},
    {"counts", between(page_counts_vl_json_begin, page_counts_vl_json_end)},
    {"winners", between(page_winners_vl_json_begin, page_winners_vl_json_end)},
};

}  // namespace breakeven::page
