#include "comm/traffic.hpp"

namespace breakeven {

Index Traffic::calls() const {
  Index total = 0;
  for (const Entry& entry : entries) total += entry.calls;
  return total;
}

Index Traffic::bytes() const {
  Index total = 0;
  for (const Entry& entry : entries) total += entry.bytes;
  return total;
}

double Traffic::seconds() const {
  double total = 0;
  for (const Entry& entry : entries) total += entry.seconds;
  return total;
}

Traffic operator-(const Traffic& later, const Traffic& earlier) {
  Traffic difference = later;
  for (std::size_t i = 0; i < n_operations; ++i) {
    difference.entries[i].calls -= earlier.entries[i].calls;
    difference.entries[i].bytes -= earlier.entries[i].bytes;
    difference.entries[i].seconds -= earlier.entries[i].seconds;
  }
  return difference;
}

}  // namespace breakeven
