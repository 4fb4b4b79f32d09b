#pragma once

namespace breakeven {

/// From now on SIGUSR1 and SIGTERM ask for an orderly end instead of killing: schedulers send them before a time limit.
void watch_for_interruption();
/// Whether one has arrived on this rank. Not agreed: the harness takes the maximum over ranks.
bool interruption_requested();

}  // namespace breakeven
