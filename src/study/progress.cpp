#include "study/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

namespace breakeven {
namespace {

constexpr std::string_view clear_line = "\r\x1b[K";

/// At most `width` bytes, one a column: the texts are ASCII but for what a driver might say.
std::string cut(std::string text, std::size_t width) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';  // a file's text must not steer the terminal
  if (text.size() > width) text.resize(width);
  return text;
}

std::string bar(double share) {
  constexpr std::size_t width = 20;
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * width);
  return fmt::format("[{:#>{}}{:.>{}}]", "", filled, "", width - filled);
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

RemainingTime::RemainingTime(const std::vector<Invocation>& plan) {
  for (const Invocation& invocation : plan) timed_.resize(std::max(timed_.size(), invocation.work + 1));
}

void RemainingTime::finished(const Invocation& invocation, double elapsed_s) {
  timed_[invocation.work].total_s += elapsed_s;
  timed_[invocation.work].launches += 1;
  nominal_ += invocation.cost;
  elapsed_s_ += elapsed_s;
}

std::optional<double> RemainingTime::of(const Invocation& invocation) const {
  const Timed& same = timed_[invocation.work];
  if (same.launches > 0) return same.total_s / static_cast<double>(same.launches);
  if (nominal_ <= 0) return std::nullopt;
  return invocation.cost * elapsed_s_ / nominal_;
}

ProgressStyle style_of_stderr() {
  ProgressStyle style;
  style.is_terminal = isatty(STDERR_FILENO) == 1;
  winsize size{};
  if (style.is_terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) style.width = size.ws_col;
  return style;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<Index>(std::llround(std::max(seconds, 0.0)));
  const Index hours = whole / 3600, minutes = whole / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
                   : fmt::format("{}:{:02}", minutes, whole % 60);
}

Progress::Progress(std::vector<Invocation> plan, ProgressStyle style, std::ostream& out, Clock clock)
    : plan_(std::move(plan)), style_(style), out_(&out), clock_(std::move(clock)), remaining_(plan_) {
  for (const Invocation& invocation : plan_) cases_total_ += invocation.cases;
  start_s_ = last_line_s_ = clock_();
}

Progress::Progress(std::vector<Invocation> plan)
    : Progress(std::move(plan), style_of_stderr(), std::cerr, steady_seconds) {}

void Progress::launch_started(std::size_t invocation) {
  launches_done_ = invocation;
  launch_runs_ = true;
  launch_start_s_ = clock_();
  cases_of_current_ = 0;
  show();
}

void Progress::case_finished(std::string_view what) {
  ++cases_of_current_;
  latest_ = what;
  show();
}

void Progress::launch_finished() {
  const Invocation& invocation = plan_[launches_done_];
  remaining_.finished(invocation, clock_() - launch_start_s_);
  cases_of_finished_ += invocation.cases;
  cases_of_current_ = 0;
  ++launches_done_;
  launch_runs_ = false;
  show();
}

void Progress::launch_failed() {
  cases_of_finished_ = cases_done();
  cases_of_current_ = 0;
  ++launches_done_;
  ++launches_failed_;
  launch_runs_ = false;
  show();
}

void Progress::note(std::string_view line) {
  *out_ << (style_.is_terminal ? clear_line : "") << line << "\n" << std::flush;
  if (style_.is_terminal) show();
}

void Progress::close() {
  if (style_.is_terminal) *out_ << clear_line;
  *out_ << fmt::format("{} of {} launches, {} of {} cases in {}\n", launches_done_ - launches_failed_, plan_.size(),
                       cases_done(), cases_total_, clock_text(clock_() - start_s_))
        << std::flush;
}

Index Progress::cases_done() const {
  const Index most =
      launch_runs_ ? plan_[launches_done_].cases : 0;  // the expected number may be short of the real one
  return cases_of_finished_ + std::min(cases_of_current_, most);
}

std::optional<double> Progress::left_s() const {
  double left = 0;
  for (std::size_t i = launches_done_; i < plan_.size(); ++i) {
    const auto launch_s = remaining_.of(plan_[i]);
    if (!launch_s) return std::nullopt;
    const bool is_current = launch_runs_ && i == launches_done_;
    left += is_current ? std::max(*launch_s - (clock_() - launch_start_s_), 0.0) : *launch_s;
  }
  return left;
}

std::string Progress::status() const {
  const auto left = left_s();
  return fmt::format("{}/{} cases  {} elapsed  {} left  {}", cases_done(), cases_total_,
                     clock_text(clock_() - start_s_), left ? "about " + clock_text(*left) : "?", latest_);
}

void Progress::show() {
  const double now = clock_();
  if (style_.is_terminal) {
    const double share = cases_total_ > 0 ? static_cast<double>(cases_done()) / static_cast<double>(cases_total_) : 0;
    *out_ << clear_line << cut(bar(share) + " " + status(), style_.width - 1) << std::flush;
  } else if (now - last_line_s_ >= style_.interval_s) {
    *out_ << cut(status(), 200) << "\n" << std::flush;
    last_line_s_ = now;
  }
}

}  // namespace breakeven
