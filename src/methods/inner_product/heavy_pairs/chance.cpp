#include "methods/inner_product/heavy_pairs/chance.hpp"

#include <algorithm>
#include <cmath>

namespace breakeven::inner_product {
namespace {

double log_choose(Index n, Index k) {
  const auto x = static_cast<double>(n), y = static_cast<double>(k);
  return std::lgamma(x + 1) - std::lgamma(y + 1) - std::lgamma(x - y + 1);
}

}  // namespace

double chance_of_distance(Index n_bits, Index distance) {
  double sum = 0;
  for (Index k = 0; k <= std::min(distance, n_bits); ++k)
    sum += std::exp(log_choose(n_bits, k) - static_cast<double>(n_bits) * std::log(2.0));
  return std::min(sum, 1.0);
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

}  // namespace breakeven::inner_product
