#include "harness/interruption.hpp"

#include <csignal>

namespace breakeven {
namespace {

volatile std::sig_atomic_t requested = 0;  // a signal handler can reach nothing but a global

void note(int) {
  requested = 1;
}

}  // namespace

void watch_for_interruption() {
  struct sigaction action {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interruption_requested() {
  return requested != 0;
}

}  // namespace breakeven
