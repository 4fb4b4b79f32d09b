#include "comm/best_round.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/stopwatch.hpp"

namespace breakeven {

double best_round(const Communicator& comm, const std::function<double()>& round) {
  constexpr Index fewest_rounds = 8, most_rounds = 400;
  constexpr double enough_s = 0.05;
  double best = std::numeric_limits<double>::infinity(), spent_s = 0;
  const Stopwatch since_start;
  for (Index done = 0; done < fewest_rounds || (done < most_rounds && spent_s < enough_s); ++done) {
    std::array<double, 2> slowest{};
    slowest[0] = round();
    slowest[1] = since_start.seconds();  // with more ranks than CPUs what lies between the timed parts takes longest
    comm.all_reduce(std::span<double>(slowest), Reduction::maximum);
    best = std::min(best, slowest[0]);
    spent_s = slowest[1];
  }
  return best;
}

}  // namespace breakeven
