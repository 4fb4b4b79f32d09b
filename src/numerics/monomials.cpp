#include "numerics/monomials.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "base/error.hpp"

namespace breakeven {

std::optional<Index> monomial_count(Index d, Index degree) {
  const Index smaller = std::min(d, degree), larger = std::max(d, degree);
  Index count = 1;
  for (Index i = 1; i <= smaller; ++i) {  // count = C(larger + i, i): the division is exact, gcd first avoids overflow
    Index factor = larger + i, divisor = i;
    const Index common = std::gcd(factor, divisor);
    factor /= common;
    divisor /= common;
    count /= divisor;  // exact: divisor has no factor in common with `factor` and divides count * factor
    if (count > std::numeric_limits<Index>::max() / factor) return std::nullopt;
    count *= factor;
  }
  return count;
}

MonomialBasis::MonomialBasis(Index d, Index degree) : d_(d), degree_(degree) {
  if (!monomial_count(d, degree))
    throw BadRequest("degree " + std::to_string(degree) + " has more monomials in d = " + std::to_string(d) +
                     " variables than can be counted");
  first_of_degree_ = {0, 1};
  for (Index g = 1; g <= degree; ++g) {
    Index first = first_of_degree_.back();
    for (Index v = 0; v < d; ++v) {
      const Index count = *monomial_count(v, g - 1);  // degree g - 1 exactly, in the v + 1 variables up to v
      blocks_.push_back({first, first_of_degree(g - 1), count, g, v});
      first += count;
    }
    first_of_degree_.push_back(first);
  }
}

const MonomialBasis::Block& MonomialBasis::block_of(Index a) const {
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), a,
                                      [](Index position, const Block& block) { return position < block.first; });
  return *(after - 1);
}

Index MonomialBasis::degree_of(Index a) const {
  return a == 0 ? 0 : block_of(a).degree;
}

Index MonomialBasis::parent(Index a) const {
  const Block& block = block_of(a);
  return block.first_parent + a - block.first;
}

Index MonomialBasis::variable(Index a) const {
  return block_of(a).variable;
}

std::vector<Index> MonomialBasis::exponents(Index a) const {
  std::vector<Index> powers(static_cast<std::size_t>(d_), 0);
  for (; a > 0; a = parent(a)) ++powers[static_cast<std::size_t>(variable(a))];
  return powers;
}

double MonomialBasis::multinomial(Index a) const {
  double result = 1;
  Index factor = 1;
  for (const Index power : exponents(a))
    for (Index i = 1; i <= power; ++i) result = result * static_cast<double>(factor++) / static_cast<double>(i);
  return result;
}

std::vector<double> MonomialBasis::multinomials() const {
  std::vector<double> multinomials(static_cast<std::size_t>(size()), 1.0);
  std::vector<Index> multiplicity(multinomials.size(), 0);  // of the largest variable
  for (const Block& block : blocks_) {
    // Parents whose largest variable is the block's own are the last C(v+g-2, g-2) of the prefix.
    const Index repeated = block.degree == 1 ? 0 : *monomial_count(block.variable, block.degree - 2);
    for (Index r = 0; r < block.count; ++r) {
      const auto a = static_cast<std::size_t>(block.first + r),
                 parent = static_cast<std::size_t>(block.first_parent + r);
      multiplicity[a] = 1 + (r >= block.count - repeated ? multiplicity[parent] : 0);
      multinomials[a] = multinomials[parent] * static_cast<double>(block.degree) / static_cast<double>(multiplicity[a]);
    }
  }
  return multinomials;
}

void MonomialBasis::weigh(std::span<const double> c, double scale, std::span<const double> multinomials,
                          std::span<double> w) const {
  for (Index g = 0; g <= degree_; ++g) {
    const double factor = c[static_cast<std::size_t>(g)] * std::pow(scale, static_cast<double>(g));
    for (Index a = first_of_degree(g); a < first_of_degree(g + 1); ++a)
      w[static_cast<std::size_t>(a)] = multinomials[static_cast<std::size_t>(a)] * factor;
  }
}

std::vector<double> MonomialBasis::weights(std::span<const double> c, double scale) const {
  std::vector<double> w = multinomials();
  weigh(c, scale, w, w);
  return w;
}

}  // namespace breakeven
