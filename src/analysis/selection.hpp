#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// Why the time of a case may not be compared with another one.
enum class Exclusion {
  none,
  failed,          ///< a check failed: its time is withheld from every figure
  not_measured,    ///< predicted or simulated
  oversubscribed,  ///< more ranks than CPUs: ranks waited for a core, not for each other
  not_converged,   ///< ended short of the accuracy that was asked: the time of something else
  untimed,         ///< no timed repetition in the file
};
Exclusion exclusion(const Record& record);

/// How many cases of a study were left out, by reason.
struct ExclusionCounts {
  Index failed = 0;
  Index not_measured = 0;
  Index oversubscribed = 0;
  Index not_converged = 0;
  Index untimed = 0;
  Index total() const { return failed + not_measured + oversubscribed + not_converged + untimed; }
};
ExclusionCounts count_exclusions(const Study& study);
/// "2 failed, 1 oversubscribed"; "" if none were left out.
std::string to_text(const ExclusionCounts& counts);

/// By launch: the median completion time in seconds of the repetitions that are not warm-up.
std::map<Index, double> launch_medians(const Record& record);
/// By launch: its own set-up plus that median. A launch without a stored set-up takes the column `setup_s`, the median
/// over launches.
std::map<Index, double> launch_totals(const Record& record);

/// Nothing in the file: "" text, NaN or -1. (is_unknown() takes any text for known.)
bool is_known(const Value& value);

/// Text that names family, problem, all factors and ranks, without the columns left out: equal for two cases exactly
/// if they were given the same task on the same ranks. `without` = {"n"} joins the sizes of one curve, {"ranks"} those
/// of one scaling curve.
std::string task_key(const Record& record, const std::set<std::string>& without = {});
/// Text that names the method and all its known parameters.
std::string method_key(const Record& record);

/// The factor that the curves of a study run over: n where it takes several values; on a task that was measured at one
/// n and at least three d, it is d. Break-evens are then the d from which the fast method wins.
class Abscissae {
 public:
  explicit Abscissae(const Study& study);
  /// "n" or "d"
  const std::string& of(const Record& record) const;
  /// Its value.
  Index value(const Record& record) const { return record.index(of(record)); }
  /// task_key() without it, and without the columns of `without`.
  std::string curve(const Record& record, std::set<std::string> without = {}) const;

 private:
  std::set<std::string> over_d_;  ///< tasks without n and d
};

/// "uniform/1", "aligned", or the name of the input file.
std::string data_label(const Record& record);

/// Short names for what varies within a study, so that labels say what a reader must tell apart and nothing else.
class Labels {
 public:
  explicit Labels(const Study& study);
  /// The method's parameters that take more than one value on this task (its cases of any n): "degree=4"; "" if none
  /// does.
  std::string setting(const Record& record) const;
  /// "polynomial degree=4"
  std::string series(const Record& record) const;
  /// Factors without a place of their own in a table that tell tasks on the same data apart: "condition 1e8"; "" if
  /// there is no need.
  std::string other_factors(const Record& record) const;
  /// "uniform/1, d 8, f64" and any other factor that varies except what the curves run over; with ranks appended: ", 2
  /// ranks".
  std::string task(const Record& record, bool with_ranks) const;

 private:
  using Varying = std::map<std::string, std::set<std::string>>;  ///< by owner: names of columns with several values
  std::string curves_of(const Record& record) const;

  Abscissae abscissae_;
  Varying parameters_;  ///< by method and task
  Varying factors_;     ///< by family/problem and data
};

}  // namespace breakeven
