#pragma once

#include <limits>
#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// One rank count of a strong-scaling curve. Times are run() only: set-up is paid once.
struct ScalingPoint {
  Index ranks = 0;
  Index launches = 0;
  double time_s = 0, time_low_s = 0, time_high_s = 0;              ///< median over launches with its interval
  double speed_up = 0, speed_up_low = 0, speed_up_high = 0;        ///< against the smallest measured rank count
  double efficiency = 0, efficiency_low = 0, efficiency_high = 0;  ///< speed-up / (ranks / base ranks)
  double confidence = 0;                                           ///< of the speed-up's interval
  bool hollow = false;                                             ///< fewer launches than other points of the curve
};

/// One method in one setting on a fixed task over rank counts.
struct ScalingCurve {
  std::string task;    ///< task_key(record, {"ranks"})
  std::string family;  ///< Abscissae::curve(record, {"ranks"}): the same for all n
  std::string method, series, role;
  Index n = 0;
  Index base_ranks = 0;              ///< the smallest measured; its absolute time is points.front().time_s
  std::vector<ScalingPoint> points;  ///< ascending ranks, at least two
};

/// Time against ranks for every method measured with two or more rank counts on the same task. The speed-up of a launch
/// is its own median against the base's of the same launch number; launches of different rank counts are separate
/// processes, so the pairing is one of equal footing, not of a common disturbance. Excluded cases are left out.
std::vector<ScalingCurve> strong_scaling(const Study& study);

/// A point of the plane time x error; lower is better in both.
struct Cost {
  double time_s = 0;
  double error = 0;
};

/// For each point whether no other is at least as good in both and better in one. Points with an unknown coordinate
/// are never on the front. O(k log k).
std::vector<bool> non_dominated(const std::vector<Cost>& points);

}  // namespace breakeven
