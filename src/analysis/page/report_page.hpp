#pragma once

#include <optional>
#include <string>

#include "base/gallery.hpp"
#include "harness/record.hpp"

namespace breakeven {

/// The study as one self-contained HTML file: verdict, time against n with the break-even, error against time, strong
/// scaling, per-rank times, table of all cases with CSV, provenance, warnings. Opens from disk without a network; no
/// string of the study is markup in it. With a gallery, some of the pairs that a search found as well.
/// Pure. Size: about 0.9 MB plus the cases.
std::string report_page(const Study& study, const std::optional<Gallery>& gallery = {});

}  // namespace breakeven
