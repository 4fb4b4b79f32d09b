#pragma once

#include <string>
#include <vector>

#include "analysis/break_even.hpp"

namespace breakeven::page {

/// The result a page opens with: measured ones first, among them those with an error below 0.01, then those on real
/// data, then the most accurate; nullptr if there is none.
const BreakEven* headline(const std::vector<BreakEven>& results);

/// One plain sentence as HTML, names escaped: from which n, at which error, on how many ranks; or why never or not
/// reached.
std::string verdict_sentence(const BreakEven& result);

/// One sentence as HTML that says on which data the headline was measured and why it is the one shown.
std::string why_headline(const BreakEven& shown, const std::vector<BreakEven>& results);

/// "Of 12 settings 5 break even within the measured range, ..."; "" for fewer than two.
std::string tally(const std::vector<BreakEven>& results);

}  // namespace breakeven::page
