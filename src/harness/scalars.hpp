#pragma once

#include <stdexcept>
#include <type_traits>
#include <vector>

#include "base/bits.hpp"
#include "harness/any_method.hpp"

namespace breakeven {

/// The scalars that a problem and its methods are instantiated for; the default of --dtype comes first.
template <class... Scalars>
struct ScalarList {};

using RealScalars = ScalarList<double, float>;
using SignScalars = ScalarList<Word>;

template <class T>
inline constexpr Precision precision_of = std::is_same_v<T, float>    ? Precision::f32
                                          : std::is_same_v<T, double> ? Precision::f64
                                                                      : Precision::bit;

template <class... Scalars>
std::vector<Precision> precisions_of(ScalarList<Scalars...>) {
  return {precision_of<Scalars>...};
}

/// body(std::type_identity<T>{}) for the T of that precision.
template <class First, class... Rest, class Body>
auto with_scalar(ScalarList<First, Rest...>, Precision precision, const Body& body) {
  if (precision == precision_of<First>) return body(std::type_identity<First>{});
  if constexpr (sizeof...(Rest) > 0)
    return with_scalar(ScalarList<Rest...>{}, precision, body);
  else
    throw std::logic_error("a problem was asked for in a precision it does not have");
}

}  // namespace breakeven
