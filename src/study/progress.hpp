#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "study/plan.hpp"

namespace breakeven {

/// What a plan still takes. A kind of work that has been timed takes its mean time again; one that has not takes its
/// nominal cost, scaled by how the nominal costs of the finished launches compared with their times.
class RemainingTime {
 public:
  explicit RemainingTime(const std::vector<Invocation>& plan);

  void finished(const Invocation& invocation, double elapsed_s);
  /// Seconds one launch is expected to take; none before the first has finished.
  std::optional<double> of(const Invocation& invocation) const;

 private:
  struct Timed {
    double total_s = 0;
    Index launches = 0;
  };
  std::vector<Timed> timed_;  ///< [work]
  double nominal_ = 0;
  double elapsed_s_ = 0;
};

struct ProgressStyle {
  bool is_terminal = false;  ///< one line that is updated; otherwise lines now and then
  double interval_s = 30;    ///< least time between two lines where it is no terminal
  std::size_t width = 80;    ///< of the terminal
};

/// What stderr is: a terminal with its width, or not.
ProgressStyle style_of_stderr();

/// Seconds as 0:07, 12:34 or 3:05:09.
std::string clock_text(double seconds);

/// Tells how far a study has come. Called only between lines of a driver, so it never runs on a timer.
class Progress {
 public:
  using Clock = std::function<double()>;  ///< seconds, monotonic

  Progress(std::vector<Invocation> plan, ProgressStyle style, std::ostream& out, Clock clock);
  /// On stderr with the system's clock.
  explicit Progress(std::vector<Invocation> plan);

  const std::vector<Invocation>& plan() const { return plan_; }
  void launch_started(std::size_t invocation);
  void case_finished(std::string_view what);
  void launch_finished();
  void launch_failed();  ///< only the cases it reported are done
  /// A line for the reader, above the bar.
  void note(std::string_view line);
  /// The last line: what was done and how long it took.
  void close();

 private:
  Index cases_done() const;
  std::optional<double> left_s() const;
  std::string status() const;
  void show();

  std::vector<Invocation> plan_;
  ProgressStyle style_;
  std::ostream* out_;
  Clock clock_;
  RemainingTime remaining_;
  double start_s_ = 0, launch_start_s_ = 0, last_line_s_ = 0;
  std::size_t launches_done_ = 0, launches_failed_ = 0;  // the failed are among the done
  bool launch_runs_ = false;
  Index cases_of_finished_ = 0, cases_of_current_ = 0, cases_total_ = 0;
  std::string latest_;
};

}  // namespace breakeven
