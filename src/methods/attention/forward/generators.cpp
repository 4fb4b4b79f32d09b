#include "methods/attention/forward/generators.hpp"

#include "base/error.hpp"

namespace breakeven::attention {
namespace {

constexpr double flipped_share = 0.15;
constexpr Index planted_period = 16;

// One stream a random object; the slice is folded into the row, so the same numbers come for any batch order.
enum class Object : std::uint32_t { q = 1, k, v, q_sign, k_sign, q_flip, k_flip, direction };

Stream stream(Object object) {
  return static_cast<Stream>(object);
}

double sign_of(bool negative) {
  return negative ? -1.0 : 1.0;
}

}  // namespace

template <class T>
double GeneratedSource<T>::uniform_entry(std::string_view name, Index row, Index column) const {
  const Object object = name == "q" ? Object::q : name == "k" ? Object::k : Object::v;
  const double bound = name == "v" ? 1.0 : spec_.bound;
  return bound * (2 * Philox(seed_, stream(object)).uniform(row, column) - 1);
}

template <class T>
double GeneratedSource<T>::direction(Index column) const {
  return sign_of(Philox(seed_, stream(Object::direction)).uniform(0, column) < 0.5);
}

template <class T>
double GeneratedSource<T>::aligned_entry(std::string_view name, Index row, Index column) const {
  const bool query = name == "q";
  const double row_sign = sign_of(Philox(seed_, stream(query ? Object::q_sign : Object::k_sign)).uniform(row) < 0.5);
  const Philox flips(seed_, stream(query ? Object::q_flip : Object::k_flip));
  return spec_.bound * row_sign * direction(column) * sign_of(flips.uniform(row, column) < flipped_share);
}

template <class T>
double GeneratedSource<T>::aligned_side(Index row) const {
  double along = 0;
  for (Index column = 0; column < spec_.d; ++column) along += direction(column) * aligned_entry("k", row, column);
  return along > 0 ? 1.0 : along < 0 ? -1.0 : 0.0;
}

template <class T>
double GeneratedSource<T>::planted_entry(std::string_view name, Index row, Index i, Index column) const {
  const double key_sign = sign_of(i % 2 == 1);  // balanced whatever even n
  if (name == "k") return key_sign * spec_.bound;
  if (name == "v") return key_sign * direction(column);
  if (i % planted_period == 0) return sign_of(Philox(seed_, stream(Object::q_sign)).uniform(row) < 0.5) * spec_.bound;
  // Entries come in pairs +B, -B in random order: the score with every key is exactly 0.
  const bool first_negative = Philox(seed_, stream(Object::q)).uniform(row, column / 2) < 0.5;
  return sign_of(first_negative == (column % 2 == 0)) * spec_.bound;
}

template <class T>
void GeneratedSource<T>::fill(std::string_view name, Index slice, Range range, std::span<T> out) const {
  const Index n_columns = columns(name);
  const bool aligned = spec_.data == "aligned";
  const bool planted = spec_.data == "planted";
  std::size_t at = 0;
  for (Index i = range.begin; i < range.end; ++i) {
    const Index row = slice * spec_.n + i;
    const double side = aligned && name == "v" ? aligned_side(row) : 0;
    for (Index column = 0; column < n_columns; ++column) {
      double entry = 0;
      if (planted)
        entry = planted_entry(name, row, i, column);
      else if (aligned && name != "v")
        entry = aligned_entry(name, row, column);
      else if (aligned)
        entry = 0.5 * side + 0.5 * uniform_entry("v", row, column);
      else
        entry = uniform_entry(name, row, column);
      out[at++] = static_cast<T>(entry);
    }
  }
}

template class GeneratedSource<float>;
template class GeneratedSource<double>;

}  // namespace breakeven::attention
