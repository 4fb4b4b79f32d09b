#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/index.hpp"

namespace breakeven {

/// C(d + degree, degree): how many monomials of at most that degree d variables have; empty if it exceeds an Index.
std::optional<Index> monomial_count(Index d, Index degree);

/// All monomials x^a of d variables with |a| <= degree, ordered by degree, then by largest variable, so that the
/// degree-g monomials with largest variable v are x_v times a prefix (variables <= v) of the list of degree g - 1:
///
///   d = 2:  1 | x0 | x1 | x0 x0 | x1 x0  x1 x1 | x0 x0 x0 | x1 x0 x0  x1 x1 x0  x1 x1 x1
///
/// Each monomial but the first is its parent times one variable: all of them cost one multiplication each.
/// Memory O(d degree); the per-monomial functions cost O(degree log(d degree)) at most.
class MonomialBasis {
 public:
  /// A run of monomials that share degree and largest variable; its parents are consecutive too.
  struct Block {
    Index first;         ///< position of the first monomial
    Index first_parent;  ///< position of its parent
    Index count;
    Index degree;
    Index variable;
  };

  /// d >= 1, degree >= 0; throws BadRequest if the count exceeds an Index.
  MonomialBasis(Index d, Index degree);

  Index d() const { return d_; }
  Index degree() const { return degree_; }
  Index size() const { return first_of_degree_.back(); }
  /// Where degree g begins, 0 <= g <= degree() + 1; at degree() + 1 it is size().
  Index first_of_degree(Index g) const { return first_of_degree_[static_cast<std::size_t>(g)]; }
  /// The blocks of degree 1 and up, in order.
  std::span<const Block> blocks() const { return blocks_; }

  Index degree_of(Index a) const;
  Index parent(Index a) const;    ///< a >= 1
  Index variable(Index a) const;  ///< a >= 1: x^a is x^parent(a) times this variable, its largest
  std::vector<Index> exponents(Index a) const;
  double multinomial(Index a) const;  ///< |a|! / prod a_i!

  /// w_a = c_|a| scale^|a| |a|! / prod a_i!, so that sum_a w_a q^a k^a = sum_g c_g (scale <q, k>)^g.
  /// `c` has degree() + 1 entries. O(size()).
  std::vector<double> weights(std::span<const double> c, double scale) const;
  /// The same into `w`, from multinomials(): allocates nothing.
  void weigh(std::span<const double> c, double scale, std::span<const double> multinomials, std::span<double> w) const;
  /// |a|! / prod a_i! of every monomial.
  std::vector<double> multinomials() const;

 private:
  const Block& block_of(Index a) const;

  Index d_, degree_;
  std::vector<Index> first_of_degree_;
  std::vector<Block> blocks_;
};

}  // namespace breakeven
