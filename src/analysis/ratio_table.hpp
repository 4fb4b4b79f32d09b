#pragma once

#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// A method beside the one it is compared with, on one task and size.
struct Ratio {
  std::string task, series, role, dtype;
  Index n = 0;
  double time_s = 0;                         ///< median of one run
  double rate = 0, share = 0;                ///< operations/s by the method's schedule, and its share of the peak
  double share_low = 0, share_high = 0;      ///< interval of the share: of the median time
  double ratio = 0;                          ///< its time over the other's: above 1 it is slower
  double low = 0, high = 0, confidence = 0;  ///< interval of the ratio over launches
  Index launches = 0;                        ///< in which both were measured
};

/// For every case the ratio of its run time to that of the method `against` on the same task, size and ranks: in each
/// launch of both, then the median over launches with its order-statistic interval. Run times only, no set-up. Cases
/// with an Exclusion are left out. Throws BadRequest if no case is of that method.
std::vector<Ratio> ratios(const Study& study, const std::string& against);

/// The same for a terminal.
std::string ratio_table(const Study& study, const std::string& against);

}  // namespace breakeven
