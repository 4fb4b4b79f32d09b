#include "numerics/chance.hpp"

#include <algorithm>
#include <cmath>

namespace breakeven {
namespace {

double log_choose(Index n, Index k) {
  const auto x = static_cast<double>(n), y = static_cast<double>(k);
  return std::lgamma(x + 1) - std::lgamma(y + 1) - std::lgamma(x - y + 1);
}

}  // namespace

double chance_of_distance(Index n_bits, Index distance) {
  if (distance >= n_bits) return 1;
  if (2 * distance >= n_bits) return 1 - chance_of_distance(n_bits, n_bits - distance - 1);
  double sum = 0;  // from the largest term down: only some sqrt(n_bits) of them count
  for (Index k = distance; k >= 0; --k) {
    const double term = std::exp(log_choose(n_bits, k) - static_cast<double>(n_bits) * std::log(2.0));
    sum += term;
    if (term <= sum * 0x1p-60) break;
  }
  return sum;
}

double chance_among_drawn(Index n_bits, Index marked, Index drawn, Index t) {
  double sum = 0;
  for (Index k = std::max<Index>(0, drawn - (n_bits - marked)); k <= std::min({t, marked, drawn}); ++k)
    sum += std::exp(log_choose(marked, k) + log_choose(n_bits - marked, drawn - k) - log_choose(n_bits, drawn));
  return std::min(sum, 1.0);
}

Index most_among_drawn(Index n_bits, Index marked, Index drawn, double share) {
  const Index least = std::max<Index>(0, drawn - (n_bits - marked)), most = std::min(marked, drawn);
  if (share == 1) return most;
  double sum = 0;
  for (Index t = least; t < most; ++t) {
    sum += std::exp(log_choose(marked, t) + log_choose(n_bits - marked, drawn - t) - log_choose(n_bits, drawn));
    if (sum >= share) return t;
  }
  return most;
}

}  // namespace breakeven
