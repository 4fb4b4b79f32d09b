#include "numerics/monomials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "numerics/exp_polynomial.hpp"

namespace breakeven {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

struct Shape {
  Index d, degree;
};
constexpr Shape shapes[] = {{1, 0}, {1, 7}, {2, 3}, {3, 0}, {3, 5}, {8, 4}, {16, 3}, {64, 2}};

std::vector<double> features(const MonomialBasis& basis, const std::vector<double>& x) {
  std::vector<double> phi(static_cast<std::size_t>(basis.size()), 1.0);
  for (Index a = 1; a < basis.size(); ++a) phi[a] = phi[basis.parent(a)] * x[basis.variable(a)];
  return phi;
}

TEST(Monomials, CountIsTheBinomialCoefficient) {
  EXPECT_EQ(monomial_count(8, 4), 495);
  EXPECT_EQ(monomial_count(16, 3), 969);
  EXPECT_EQ(monomial_count(64, 2), 2145);
  EXPECT_EQ(monomial_count(5, 0), 1);
  EXPECT_EQ(monomial_count(128, 5), 321402081);
  EXPECT_EQ(monomial_count(33, 33), 7219428434016265740);  // C(66, 33), the largest central one that fits
  EXPECT_EQ(monomial_count(34, 34), std::nullopt);
  EXPECT_EQ(monomial_count(std::numeric_limits<Index>::max() - 1, 1), std::numeric_limits<Index>::max());
  EXPECT_EQ(monomial_count(1000000, 1000000), std::nullopt);
  EXPECT_THROW(MonomialBasis(1000, 100), BadRequest);
}

TEST(MonomialBasis, HoldsEveryMonomialOnceByDegree) {
  for (const auto& [d, degree] : shapes) {
    const MonomialBasis basis(d, degree);
    EXPECT_EQ(basis.size(), *monomial_count(d, degree));
    std::set<std::vector<Index>> seen;
    Index degree_before = 0;
    for (Index a = 0; a < basis.size(); ++a) {
      const std::vector<Index> powers = basis.exponents(a);
      Index sum = 0;
      for (const Index power : powers) sum += power;
      EXPECT_EQ(sum, basis.degree_of(a));
      EXPECT_GE(sum, degree_before);
      degree_before = sum;
      seen.insert(powers);
    }
    EXPECT_EQ(static_cast<Index>(seen.size()), basis.size());
  }
}

TEST(MonomialBasis, BlocksAreOneVariableTimesAPrefixOfTheDegreeBelow) {
  const MonomialBasis basis(5, 4);
  Index next = 1;
  for (const MonomialBasis::Block& block : basis.blocks()) {
    EXPECT_EQ(block.first, next);
    EXPECT_EQ(block.first_parent, basis.first_of_degree(block.degree - 1));
    for (Index r = 0; r < block.count; ++r) {
      std::vector<Index> powers = basis.exponents(basis.parent(block.first + r));
      for (Index v = block.variable + 1; v < 5; ++v) EXPECT_EQ(powers[v], 0);  // parents use variables <= v only
      ++powers[block.variable];
      EXPECT_EQ(basis.exponents(block.first + r), powers);
    }
    next += block.count;
  }
  EXPECT_EQ(next, basis.size());
}

TEST(MonomialBasis, ListsTwoVariablesAsDocumented) {
  const MonomialBasis basis(2, 2);
  std::vector<std::vector<Index>> powers;
  for (Index a = 0; a < basis.size(); ++a) powers.push_back(basis.exponents(a));
  const std::vector<std::vector<Index>> expected = {{0, 0}, {1, 0}, {0, 1}, {2, 0}, {1, 1}, {0, 2}};
  EXPECT_EQ(powers, expected);
  EXPECT_EQ(basis.multinomial(4), 2);
  EXPECT_EQ(basis.multinomial(5), 1);
}

TEST(MonomialBasis, WeightsAreCoefficientsTimesMultinomials) {
  const MonomialBasis basis(4, 5);
  const std::vector<double> c = {1, -2, 3, 5, 7, 11};
  const std::vector<double> weights = basis.weights(c, 0.5);
  for (Index a = 0; a < basis.size(); ++a) {
    const double expected = c[basis.degree_of(a)] * std::pow(0.5, basis.degree_of(a)) * basis.multinomial(a);
    EXPECT_NEAR(weights[a], expected, 4 * eps * std::abs(expected)) << a;
  }
}

TEST(MonomialBasis, WeightsSumToTheCoefficientsAtD) {
  for (const auto& [d, degree] : shapes) {
    const ExpPolynomial p = exp_polynomial(Coefficients::taylor, degree, 1);
    double sum = 0;
    for (const double weight : MonomialBasis(d, degree).weights(p.c, 1)) sum += weight;  // q = k = (1, ..., 1)
    const double expected = p(static_cast<double>(d));
    EXPECT_NEAR(sum, expected, static_cast<double>(*monomial_count(d, degree)) * eps * expected) << d << " " << degree;
  }
}

TEST(MonomialBasis, FeaturesReproduceThePolynomialOfTheScore) {
  const Philox random(1, Stream{0});
  for (const auto& [d, degree] : shapes) {
    const MonomialBasis basis(d, degree);
    const ExpPolynomial p = exp_polynomial(Coefficients::minimax, degree, 1);
    const double scale = 1 / std::sqrt(static_cast<double>(d));
    std::vector<double> q, k;
    for (Index v = 0; v < d; ++v) {
      q.push_back(2 * random.uniform(0, v) - 1);
      k.push_back(2 * random.uniform(1, v) - 1);
    }
    double score = 0, largest_score = 0;
    for (Index v = 0; v < d; ++v) {
      score += scale * q[v] * k[v];
      largest_score += scale * std::abs(q[v] * k[v]);
    }
    const std::vector<double> weights = basis.weights(p.c, scale), phi_q = features(basis, q),
                              phi_k = features(basis, k);
    double sum = 0;
    for (Index a = 0; a < basis.size(); ++a) sum += weights[a] * phi_q[a] * phi_k[a];
    // Rounding errors are relative to the sum of magnitudes: 1e-14 of it is 45 units.
    EXPECT_NEAR(sum, p(score), 1e-14 * p.absolute(largest_score)) << d << " " << degree;
  }
}

}  // namespace
}  // namespace breakeven
