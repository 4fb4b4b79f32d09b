#include "numerics/group_features.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/philox.hpp"
#include "numerics/integer_product.hpp"

namespace breakeven {
namespace {

/// Rows of fair signs in a random order, with random signs of their own.
struct Rows {
  Index d;
  std::vector<Word> words;
  std::vector<Index> order;
  std::vector<std::uint8_t> negative;

  Rows(Index n, Index bits, std::uint64_t seed)
      : d(bits),
        words(static_cast<std::size_t>(n * words_for(bits))),
        order(permutation(Philox(seed, Stream{1}), n, 0)) {
    const Philox random(seed, Stream{2});
    for (Index i = 0; i < n; ++i) {
      for (Index c = 0; c < d; ++c)
        if (random.bits(i, c)[0] & 1)
          words[static_cast<std::size_t>(i * words_for(d) + c / bits_per_word)] |= Word{1} << (c % bits_per_word);
      negative.push_back(random.bits(i, d)[0] & 1);
    }
  }
  GroupedRows grouped(Index group) const {
    return {{words.data(), static_cast<Index>(order.size()), d}, order, negative, group};
  }
  int sign(Index i, Index c) const {
    return (words[static_cast<std::size_t>(i * words_for(d) + c / bits_per_word)] >> (c % bits_per_word) & 1) != 0 ? -1
                                                                                                                   : 1;
  }
  /// Row number k of the order, and the sign it counts with.
  Index row(Index k) const { return order[static_cast<std::size_t>(k)]; }
  int own_sign(Index k) const { return negative[static_cast<std::size_t>(k)] != 0 ? -1 : 1; }
};

FeatureSets sets_of(Index degree, Index set_size, Index d) {
  FeatureSets sets{degree, set_size, permutation(Philox(9, Stream{3}), d, degree)};
  sets.coordinates.resize(static_cast<std::size_t>(degree * set_size));
  return sets;
}

/// prod over the sets of the sum over their coordinates of x_c y_c: what features of one row each multiply to.
double kernel(const Rows& a, Index i, const Rows& b, Index j, const FeatureSets& sets) {
  double product = 1;
  for (Index set = 0; set < sets.degree; ++set) {
    double sum = 0;
    for (Index m = 0; m < sets.set_size; ++m) {
      const Index c = sets.coordinates[static_cast<std::size_t>(set * sets.set_size + m)];
      sum += a.sign(i, c) * b.sign(j, c);
    }
    product *= sum;
  }
  return product;
}

struct Setting {
  Index degree, set_size, group;
};
// groups of part of a word, of a word, of more than one; the last group has fewer rows
constexpr Setting settings[] = {{1, 50, 4}, {1, 50, 64}, {2, 9, 7}, {2, 20, 100}, {3, 5, 6}, {3, 7, 70}};

TEST(GroupFeatures, AreSumsOverTheGroupOfProductsOfSigns) {
  constexpr Index n = 233, d = 130;
  const Rows rows(n, d, 1);
  for (const auto& [degree, set_size, group] : settings) {
    const FeatureSets sets = sets_of(degree, set_size, d);
    const GroupedRows grouped = rows.grouped(group);
    const Range groups{1, grouped.groups()};
    constexpr Index longest = 16;
    GroupFeatures features(degree, set_size, group, groups.size(), longest);
    features.load(grouped, sets, groups);
    for (Index begin = 0; begin < sets.features(); begin += longest) {
      const Range panel{begin, std::min(begin + longest, sets.features())};
      std::vector<float> found(static_cast<std::size_t>(groups.size() * panel.size()));
      features.panel(panel, found.data());
      for (Index g = groups.begin; g < groups.end; ++g)
        for (Index f = panel.begin; f < panel.end; ++f) {
          double sum = 0;
          for (Index k = g * group; k < g * group + grouped.size_of(g); ++k) {
            double product = rows.own_sign(k);
            for (Index set = 0, rest = f; set < degree; ++set) {
              Index below = 1;
              for (Index later = set + 1; later < degree; ++later) below *= set_size;
              product *=
                  rows.sign(rows.row(k), sets.coordinates[static_cast<std::size_t>(set * set_size + rest / below)]);
              rest %= below;
            }
            sum += product;
          }
          ASSERT_EQ(found[static_cast<std::size_t>((g - groups.begin) * panel.size() + f - panel.begin)], sum)
              << "degree " << degree << " group " << g << " feature " << f;
        }
    }
  }
}

/// C_IJ = sum over x in I, y in J of s_x s_y K(x, y), by whichever product: whole numbers, so exactly.
TEST(GroupFeatures, MultiplyToTheDirectDoubleSum) {
  constexpr Index n = 233, d = 130;
  const Rows a(n, d, 1), b(n + 20, d, 2);
  for (const auto& [degree, set_size, group] : settings)
    for (const Index levels : {0, 1, 2}) {
      const FeatureSets sets = sets_of(degree, set_size, d);
      const GroupedRows left = a.grouped(group), right = b.grouped(group);
      IntegerProduct product(left.groups(), right.groups(), group, levels);
      GroupFeatures u(degree, set_size, group, left.groups(), product.depth());
      GroupFeatures v(degree, set_size, group, right.groups(), product.depth());
      u.load(left, sets, {0, left.groups()});
      v.load(right, sets, {0, right.groups()});
      product.start(left.groups(), right.groups());
      for (Index begin = 0; begin < sets.features(); begin += product.depth()) {
        const Range panel{begin, std::min(begin + product.depth(), sets.features())};
        u.panel(panel, product.u());
        v.panel(panel, product.v());
        product.add(panel.size());
      }
      const std::span<const std::int32_t> c = product.finish();
      for (Index i = 0; i < left.groups(); ++i)
        for (Index j = 0; j < right.groups(); ++j) {
          double sum = 0;
          for (Index k = i * group; k < i * group + left.size_of(i); ++k)
            for (Index l = j * group; l < j * group + right.size_of(j); ++l)
              sum += a.own_sign(k) * b.own_sign(l) * kernel(a, a.row(k), b, b.row(l), sets);
          ASSERT_EQ(c[static_cast<std::size_t>(i * right.groups() + j)], sum)
              << "degree " << degree << " levels " << levels << " groups " << i << ", " << j;
        }
    }
}

/// Independent rows: the sum over a set has mean 0, second moment s and fourth 3 s^2 - 2 s; sets are disjoint.
TEST(GroupFeatures, HaveKernelsOfMeanZeroAndVarianceT) {
  constexpr Index n = 20'000, d = 64;
  const Rows a(n, d, 5), b(n, d, 6);
  for (const auto& [degree, set_size] : {std::pair<Index, Index>{1, 60}, {2, 16}, {3, 8}}) {
    const FeatureSets sets = sets_of(degree, set_size, d);
    double mean = 0, square = 0;
    for (Index i = 0; i < n; ++i) {
      const double value = kernel(a, i, b, i, sets);
      mean += value / n;
      square += value * value / n;
    }
    const auto t = static_cast<double>(sets.features()), s = static_cast<double>(set_size);
    const double fourth = std::pow(3 * s * s - 2 * s, static_cast<double>(degree));
    EXPECT_NEAR(mean, 0, 5 * std::sqrt(t / n)) << degree;
    EXPECT_NEAR(square, t, 5 * std::sqrt((fourth - t * t) / n)) << degree;
  }
}

}  // namespace
}  // namespace breakeven
