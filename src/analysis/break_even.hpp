#pragma once

#include <limits>
#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

inline constexpr double unknown_number = std::numeric_limits<double>::quiet_NaN();

/// What the measurements say about the size from which a fast method wins.
enum class Verdict {
  measured,      ///< the crossing lies between two measured n, and the fast method wins at every larger one
  extrapolated,  ///< a model: the log-log line of the ratio through the nearest two n, continued by at most a factor 64
  below_range,   ///< faster at every measured n, and the model gives no sensible crossing below the smallest
  never,         ///< slower at every measured n, and there are measured n on both sides of its feature count t
  not_reached,   ///< slower at the largest measured n, and nothing more can be said
};
std::string to_text(Verdict verdict);

/// How much faster the fast method was at one n: the ratio of the baseline's set-up + run time to its own.
struct RatioPoint {
  Index n = 0;
  double speed_up = 0;  ///< median over launches
  Index launches = 0;
  bool hollow = false;  ///< measured in fewer launches than other n of the curve: drawn, but outside every interval
};

/// A fast method in one setting against the fastest exact method on the same task, ranks and launch.
/// Where the curve runs over another factor than n (selection.hpp), every "n" below is a value of that factor.
struct BreakEven {
  std::string factor = "n";  ///< what the curve runs over
  std::string family, problem, method;
  std::string setting;     ///< parameters that vary within the study: "degree=4"
  std::string baseline;    ///< the exact method that was fastest in most launches at the break-even (or largest) n
  std::string task;        ///< key of the curve: Abscissae::curve(record)
  std::string data;        ///< "uniform/1" or the input file's name
  bool real_data = false;  ///< read from an input file, not generated
  std::string factors;     ///< others of the task that vary within the study: "condition 1e8"
  std::string n_fixed;     ///< the one n of a curve that runs over another factor
  std::string d, dtype;    ///< d is "" where the curve runs over it
  Index ranks = unknown_index;

  Verdict verdict = Verdict::not_reached;
  double n = unknown_number;  ///< the break-even; unknown if never, not reached or below the range
  /// Interval over launches. n_low = 0: some launches crossed below interval_from; n_high = infinity: above
  /// interval_to. Unknown for a model, and where the bracketing n was not measured in every launch.
  double n_low = unknown_number, n_high = unknown_number;
  double confidence = unknown_number;
  Index interval_from = 0, interval_to = 0;  ///< the smallest and largest n that every launch measured
  double model_n = unknown_number;           ///< crossing of the continued line, also given beside a `never`
  Index launches = 0;                        ///< behind the interval
  bool crosses_repeatedly = false;           ///< wins and loses in turns: n is the last crossing to winning for good
  double features_low = unknown_number, features_high = unknown_number;  ///< range of t over the measured n

  double error = unknown_number;  ///< at the break-even; if it was not measured, at the nearest measured n
  double skill = unknown_number;  ///< likewise
  Index smallest_n = 0, largest_n = 0;
  double speed_up = unknown_number;  ///< at the largest n that both sides measured
  double speed_up_low = unknown_number, speed_up_high = unknown_number, speed_up_confidence = unknown_number;
  Index speed_up_launches = 0;
  std::vector<RatioPoint> points;  ///< ascending n
};

/// One entry per fast method, setting and curve (same task but for n or what else varies, same ranks). T = setup_s +
/// launch median; the baseline of a launch is its fastest exact method. Break-even: log-log interpolation of the ratio
/// within each launch, then the median over launches with its order-statistic interval (base/statistics.hpp). Cases
/// with an Exclusion are left out. Pure; cost: one pass over the samples.
std::vector<BreakEven> break_evens(const Study& study);

/// The same for a terminal, at most 100 columns wide, heading and closing lines included.
std::string break_even_table(const Study& study, const std::vector<BreakEven>& results);

/// Whether some curve runs over another factor than n, which each cell of a table then names.
bool names_factors(const std::vector<BreakEven>& results);

/// "3410", "12300", "123k", "1.2M": three to five digits, the shortest form a table can hold.
std::string short_size(double n);

/// At least so many launches stand behind a statement that one thing is faster than another.
inline constexpr Index launches_for_a_claim = 5;

}  // namespace breakeven
