#include "methods/regression/least_squares/generators.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "numerics/small_dense.hpp"
#include "support/least_squares_runs.hpp"

// Synthetic data are what their header says. Shares and means may be off by six standard deviations.
namespace breakeven::testing_support {
namespace {

using regression::GeneratedSource;

double median_of(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// mean of a_i a_j over rows.
double second_moment(const Array<double>& a, Index i, Index j) {
  double sum = 0;
  for (Index row = 0; row < a.rows(); ++row) sum += a(0, row, i) * a(0, row, j);
  return sum / static_cast<double>(a.rows());
}

TEST(GaussianData, AreIndependentNormals) {
  const LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20'000, 5));
  const double root = std::sqrt(20'000.0);
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 5; ++j)
      EXPECT_NEAR(second_moment(data.a, i, j), i == j ? 1 : 0, 6 * (i == j ? std::sqrt(2.0) : 1) / root);
}

TEST(CorrelatedData, HaveThePublishedCovariance) {
  const LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20'000, 6, "correlated"));
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 6; ++j)
      EXPECT_NEAR(second_moment(data.a, i, j), std::pow(0.9, std::abs(i - j)), 6 * std::sqrt(2.0 / 20'000));
}

/// Entries of both are a normal over an independent root: t with 2 and 1 degrees of freedom, whose quartiles are known.
TEST(HeavyData, HaveTheQuartilesOfTheirLaw) {
  for (const auto& [kind, quartile] : {std::pair{"student_t", std::sqrt(2.0 / 3)}, {"cauchy", 1.0}}) {
    const LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20'000, 1, kind));
    std::vector<double> sizes;
    for (const double entry : data.a.span()) sizes.push_back(std::abs(entry));
    // The share below the true quartile of |t| is binomial(n, 1/2).
    const auto below = std::count_if(sizes.begin(), sizes.end(), [&, q = quartile](double s) { return s < q; });
    EXPECT_NEAR(static_cast<double>(below) / 20'000, 0.5, 6 * 0.5 / std::sqrt(20'000.0)) << kind;
    EXPECT_GT(*std::max_element(sizes.begin(), sizes.end()), 30 * median_of(sizes)) << kind;
  }
}

TEST(HeavyData, AreHeavyRowByRow) {
  const LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(2000, 20, "cauchy"));
  double heaviest = 0, total = 0;
  for (Index i = 0; i < 2000; ++i) {
    double squares = 0;
    for (Index c = 0; c < 20; ++c) squares += data.a(0, i, c) * data.a(0, i, c);
    heaviest = std::max(heaviest, squares);
    total += squares;
  }
  // Squared factors have tail index 1/2: the largest of them is a share of order one, whatever n. With independent
  // factors for each entry a row would hold one of 20 at most.
  EXPECT_GT(heaviest / total, 0.05);
}

TEST(SpikeData, HaveHalfTheirColumnsOnAsManyRows) {
  for (const Index d : {1, 2, 7, 20}) {
    const Index n = 400, h = d / 2;
    const LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(n, d, "spike"));
    Index support = 0;
    for (Index i = 0; i < n; ++i) {
      const auto nonzero = [&](Index begin, Index end) {
        Index count = 0;
        for (Index c = begin; c < end; ++c) count += data.a(0, i, c) != 0 ? 1 : 0;
        return count;
      };
      EXPECT_EQ(nonzero(h, d), d - h);
      EXPECT_TRUE(nonzero(0, h) == 0 || nonzero(0, h) == h);
      support += h > 0 && nonzero(0, h) == h ? 1 : 0;
    }
    EXPECT_EQ(support, h);
  }
}

/// Leverage of row i: |R^-T a_i|^2.
TEST(SpikeData, HaveRowsOfLeverageNearOne) {
  const LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(400, 20, "spike"));
  const Array<double> r = qr_upper(data.a);
  Index high = 0;
  for (Index i = 0; i < 400; ++i) {
    Array<double> row(1, 20, 1);
    std::copy_n(data.a.row(0, i), 20, row.data());
    solve_upper_transposed(r, row);
    high += norm(row) * norm(row) > 0.9 ? 1 : 0;
  }
  EXPECT_EQ(high, 10);
}

TEST(GradedData, HaveTheSingularValuesAskedFor) {
  for (const auto& [n, d] : {std::pair<Index, Index>{200, 12}, {12, 12}, {13, 12}, {50, 1}})
    for (const double condition : {1.0, 1e4, 1e8}) {
      const LeastSquaresData data = LeastSquaresData::generated(graded_spec(n, d, d == 1 ? 1 : condition));
      const std::vector<double> values = singular_values(data.a);
      for (Index j = 0; j < d; ++j) {
        const double exponent = d == 1 ? 0 : static_cast<double>(j) / static_cast<double>(d - 1);
        const double expected = std::sqrt(static_cast<double>(n)) * std::pow(d == 1 ? 1 : condition, -exponent);
        // Entries are rounded: singular values move by u |A|_F, and the decomposition errs as much.
        EXPECT_NEAR(values[static_cast<std::size_t>(j)], expected, 16 * 0x1p-53 * norm(data.a))
            << n << " " << condition;
      }
    }
}

TEST(GradedData, SpreadTheirWeightOverAllRows) {
  const LeastSquaresData data = LeastSquaresData::generated(graded_spec(1000, 8, 1));
  for (Index i = 0; i < 1000; ++i) {
    double squares = 0;  // at condition 1 leverage is |a_i|^2 / n, at most 2 d / n by the entries of a cosine transform
    for (Index c = 0; c < 8; ++c) squares += data.a(0, i, c) * data.a(0, i, c);
    EXPECT_LE(squares, 2 * 8 * (1 + 16 * 0x1p-53));
  }
}

TEST(GeneratedRightSides, ArePlantedWithTheNoiseAskedFor) {
  LeastSquaresSpec spec = least_squares_spec(5000, 4);
  spec.rhs = 3;
  for (const double noise : {0.0, 0.5}) {
    spec.noise = noise;
    const LeastSquaresData data = LeastSquaresData::generated(spec);
    Array<double> planted(1, 4, 3);
    const GeneratedSource<double> source(spec, 1);
    std::copy(source.planted().begin(), source.planted().end(), planted.data());
    const double mean_square = objective(data, planted) / (5000 * 3);
    EXPECT_NEAR(mean_square, noise * noise, 6 * noise * noise * std::sqrt(2.0 / 15'000) + 1e-30);
  }
}

TEST(GeneratedData, DoNotDependOnHowTheyAreAskedFor) {
  for (const char* kind : {"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"}) {
    LeastSquaresSpec spec = least_squares_spec(2500, 3, kind);
    spec.rhs = 2;
    const LeastSquaresData whole = LeastSquaresData::generated(spec);
    const GeneratedSource<double> source(spec, 1);
    for (const Range range : {Range{2040, 2060}, Range{0, 2100}, Range{7, 7}, Range{2499, 2500}}) {
      const Array<double> b = source.rows("b", 0, range), a = source.rows("a", 0, range);  // b first: no rows at hand
      for (Index i = 0; i < range.size(); ++i) {
        for (Index c = 0; c < 3; ++c) EXPECT_EQ(a(0, i, c), whole.a(0, range.begin + i, c)) << kind;
        for (Index c = 0; c < 2; ++c) EXPECT_EQ(b(0, i, c), whole.b(0, range.begin + i, c)) << kind;
      }
    }
    EXPECT_EQ(source.entry("a", 0, 2041, 1), whole.a(0, 2041, 1)) << kind;
    EXPECT_NE(LeastSquaresData::generated(spec, 2).a(0, 0, 2), whole.a(0, 0, 2)) << kind;
  }
}

TEST(GeneratedData, InSinglePrecisionAreTheRoundedOnes) {
  const LeastSquaresSpec spec = least_squares_spec(50, 3, "student_t");
  const LeastSquaresData data = LeastSquaresData::generated(spec);
  const Array<float> rounded = GeneratedSource<float>(spec, 1).rows("a", 0, {0, 50});
  for (Index i = 0; i < rounded.size(); ++i) EXPECT_EQ(rounded.data()[i], static_cast<float>(data.a.data()[i]));
}

}  // namespace
}  // namespace breakeven::testing_support
