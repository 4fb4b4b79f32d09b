#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/philox.hpp"
#include "base/source.hpp"
#include "methods/attention/forward/problem.hpp"

namespace breakeven::attention {

/// Synthetic Q, K and V; every entry depends on seed, slice, global row and column alone.
///   uniform  Q, K ~ U[-B, B], V ~ U[-1, 1]: scores near 0, the output almost the mean of V.
///   aligned  rows are +-B u for one sign vector u with 15 % of the signs flipped; V = sign(<k, u>)/2 + U[-1, 1]/2: the
///            score bound is attained and the mean of V is a useless answer.
///   planted  K_j = s_j B u, V_j = s_j w, u = 1, w and s balanced +-1: a query +-B u has the output +-tanh(scale d B^2)
///   w
///            in closed form, every other one (half its entries +B, half -B) has output 0. Every 16th query is of the
///            first kind. Needs n and d even.
/// Source: uniform and aligned are ours; planted is derived, see NOTES.md.
template <class T>
class GeneratedSource final : public Source<T> {
 public:
  GeneratedSource(const ForwardSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed) {}
  Index columns(std::string_view name) const override { return name == "v" ? spec_.value_dimension() : spec_.d; }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override;

 private:
  double uniform_entry(std::string_view name, Index row, Index column) const;
  double direction(Index column) const;  ///< u, or w of planted values
  double aligned_side(Index row) const;  ///< sign(<k, u>) of that row
  double aligned_entry(std::string_view name, Index row, Index column) const;
  double planted_entry(std::string_view name, Index row, Index i, Index column) const;

  ForwardSpec spec_;
  std::uint64_t seed_;
};

}  // namespace breakeven::attention
