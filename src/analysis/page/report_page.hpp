#pragma once

#include <string>

#include "harness/record.hpp"

namespace breakeven {

/// The study as one self-contained HTML file: verdict, time against n with the break-even, error against time, strong
/// scaling, per-rank times, table of all cases with CSV, provenance, warnings. Opens from disk without a network; no
/// string of the study is markup in it. Pure. Size: about 0.9 MB plus the cases.
std::string report_page(const Study& study);

}  // namespace breakeven
