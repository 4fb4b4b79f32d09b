#pragma once

#include <string>
#include <string_view>

namespace breakeven {

/// Finds, among what a launch says on stderr, the line that tells best why it ended: the driver's own message before a
/// rank that died, a host that was lost, a peer that hung up. Launchers bury it under pages of advice.
class Cause {
 public:
  void absorb(std::string_view line);
  /// "rank 1 on be-n2 exited on signal 9 (Killed)"; empty if no line told.
  const std::string& text() const { return text_; }

 private:
  std::size_t rank_ = static_cast<std::size_t>(-1);  // of the pattern that matched, the smaller the better
  std::string text_;
};

}  // namespace breakeven
