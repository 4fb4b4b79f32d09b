#include "numerics/amplitudes.hpp"

#include <algorithm>
#include <array>

namespace breakeven {
namespace {

constexpr Index block = 1024;
constexpr Index lanes = 8;  // independent partial sums: the compiler may keep them in vectors without reordering a sum

/// Sum over blocks of the lanes' sums; `entry(i)` does the work of entry i and returns what is summed.
template <class Entry>
double sum_in_blocks(Index n, const Entry& entry) {
  double total = 0;
  for (Index begin = 0; begin < n; begin += block) {
    const Index end = std::min(n, begin + block), even = begin + (end - begin) / lanes * lanes;
    std::array<double, lanes> sums{};
    for (Index i = begin; i < even; i += lanes)
      for (Index lane = 0; lane < lanes; ++lane) sums[static_cast<std::size_t>(lane)] += entry(i + lane);
    double sum = 0;
    for (Index i = even; i < end; ++i) sum += entry(i);
    for (const double lane : sums) sum += lane;
    total += sum;
  }
  return total;
}

}  // namespace

template <class T>
double reflect_about_mean(T* psi, Index n, T twice_mean) {
  return sum_in_blocks(n, [=](Index i) {
    psi[i] = twice_mean - psi[i];
    return static_cast<double>(psi[i]);
  });
}

template <class T>
double reflect_about(const T* start, T* psi, Index n, T twice_overlap, T sign) {
  return sum_in_blocks(n, [=](Index i) {
    psi[i] = sign * (twice_overlap * start[i] - psi[i]);
    return static_cast<double>(start[i]) * static_cast<double>(psi[i]);
  });
}

template <class T>
double squared_amplitudes(const T* psi, Index n) {
  return sum_in_blocks(n, [=](Index i) { return static_cast<double>(psi[i]) * static_cast<double>(psi[i]); });
}

Index amplitude_sum_roundings(Index n) {
  return std::min(n, 2 * (block / lanes + lanes)) + n / block + 1;
}

#define BREAKEVEN_AMPLITUDES(T)                             \
  template double reflect_about_mean(T*, Index, T);         \
  template double reflect_about(const T*, T*, Index, T, T); \
  template double squared_amplitudes(const T*, Index)
BREAKEVEN_AMPLITUDES(float);
BREAKEVEN_AMPLITUDES(double);
#undef BREAKEVEN_AMPLITUDES

}  // namespace breakeven
