#include "numerics/feature_kernel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "numerics/cpu.hpp"
#include "numerics/exp_polynomial.hpp"

namespace breakeven {
namespace {

template <class T>
using Matrix = std::vector<T>;

/// Uniform on [-1, 1] plus `offset`.
template <class T>
Matrix<T> uniform(Index rows, Index columns, std::uint32_t stream, double offset = 0) {
  const Philox random(7, Stream{stream});
  Matrix<T> x(static_cast<std::size_t>(rows * columns));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) x[i * columns + j] = static_cast<T>(2 * random.uniform(i, j) - 1 + offset);
  return x;
}

template <class T>
struct Problem {
  Index d, degree, d_value;
  Matrix<T> queries, keys, values;
  double scale = 1 / std::sqrt(static_cast<double>(d));
  ExpPolynomial p = exp_polynomial(Coefficients::minimax, degree, 2);
  std::vector<double> weights = MonomialBasis(d, degree).weights(p.c, scale);
  std::vector<T> shift = {};

  Problem(Index d_, Index degree_, Index d_value_, Index n_queries, Index n_keys)
      : d(d_),
        degree(degree_),
        d_value(d_value_),
        queries(uniform<T>(n_queries, d, 0)),
        keys(uniform<T>(n_keys, d, 1)),
        values(uniform<T>(n_keys, d_value, 2, 0.25)) {}

  Index n_queries() const { return static_cast<Index>(queries.size()) / d; }
  Index n_keys() const { return static_cast<Index>(keys.size()) / d; }
};

template <class T>
struct Answer {
  Matrix<T> outputs, denominators;
  explicit Answer(Index rows, Index d_value)
      : outputs(static_cast<std::size_t>(rows * d_value), T(-7)), denominators(static_cast<std::size_t>(rows), T(-7)) {}
};

/// Compares with sum_j p(scale <q_i, k_j - shift>) [v_j, 1] in float64, over j <= i if causal. Rounding errors of a sum
/// of n terms are below n units of the sum of their magnitudes; there are `rows` and `features` of them, and a few
/// more.
template <class T>
void expect_direct(const Problem<T>& problem, const Answer<T>& answer, bool causal) {
  const Index d = problem.d, d_value = problem.d_value;
  for (Index i = 0; i < problem.n_queries(); ++i) {
    std::vector<double> numerator(static_cast<std::size_t>(d_value), 0.0);
    double denominator = 0, magnitude = 0;
    const Index n = causal ? i + 1 : problem.n_keys();
    for (Index j = 0; j < n; ++j) {
      double score = 0, largest = 0;
      for (Index v = 0; v < d; ++v) {
        const double key = problem.keys[j * d + v] - (problem.shift.empty() ? T(0) : problem.shift[v]);
        score += problem.scale * problem.queries[i * d + v] * key;
        largest += problem.scale * std::abs(problem.queries[i * d + v] * key);
      }
      const double weight = problem.p(score);
      denominator += weight;
      magnitude += problem.p.absolute(largest);
      for (Index c = 0; c < d_value; ++c) numerator[c] += weight * problem.values[j * d_value + c];
    }
    const double terms = static_cast<double>(n + MonomialBasis(d, problem.degree).size() + 4 * problem.degree + 8);
    const double relative = terms * std::numeric_limits<T>::epsilon() * magnitude / denominator;
    EXPECT_NEAR(answer.denominators[i] / denominator, 1, relative) << "row " << i;
    for (Index c = 0; c < d_value; ++c)  // |v| <= 1.25, and the output errs by numerator and denominator
      EXPECT_NEAR(answer.outputs[i * d_value + c], numerator[c] / denominator, 2.5 * relative) << "row " << i;
  }
}

template <class T>
Answer<T> solve(const Problem<T>& problem) {
  FeatureKernel<T> kernel(problem.d, problem.degree, problem.d_value, false);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0);
  kernel.accumulate(problem.keys.data(), problem.values.data(), problem.n_keys(), state, problem.shift);
  std::vector<T> weighted(state.size());
  for (std::size_t i = 0; i < state.size(); ++i)
    weighted[i] = static_cast<T>(problem.weights[i / static_cast<std::size_t>(problem.d_value + 1)] * state[i]);
  Answer<T> answer(problem.n_queries(), problem.d_value);
  kernel.apply(problem.queries.data(), problem.n_queries(), weighted, answer.outputs.data(),
               answer.denominators.data());
  return answer;
}

/// Causal attention in calls of the given numbers of rows, in turn.
template <class T>
Answer<T> solve_causal(const Problem<T>& problem, const std::vector<Index>& calls) {
  FeatureKernel<T> kernel(problem.d, problem.degree, problem.d_value);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0);
  Answer<T> answer(problem.n_queries(), problem.d_value);
  std::size_t call = 0;
  for (Index first = 0; first < problem.n_queries(); ++call) {
    const Index rows = std::min(calls[call % calls.size()], problem.n_queries() - first);
    kernel.causal(problem.queries.data() + first * problem.d, problem.keys.data() + first * problem.d,
                  problem.values.data() + first * problem.d_value, rows, state, problem.weights, problem.p.c,
                  problem.scale, answer.outputs.data() + first * problem.d_value, answer.denominators.data() + first,
                  problem.shift);
    first += rows;
  }
  return answer;
}

/// The same tests on every instruction set this processor can run.
class FeatureKernelOn : public testing::TestWithParam<std::string> {
 private:
  SimdTargetScope scope_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Targets, FeatureKernelOn, testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

struct Case {
  Index d, degree, d_value, n_queries, n_keys;
};
constexpr Case cases[] = {
    {1, 0, 1, 1, 1},       // the smallest
    {1, 5, 1, 3, 2},       // one variable
    {3, 0, 2, 5, 4},       // p is constant: the mean of the values
    {3, 1, 2, 17, 16},     // nothing stored below the top degree but ones
    {5, 2, 3, 47, 31},     // one token less than a panel, one less than two lines
    {4, 5, 4, 49, 33},     // one more
    {8, 4, 8, 96, 600},    // whole panels, more than one tile of tokens
    {6, 3, 9, 10, 50},     // ten columns: two groups of five
    {7, 2, 40, 60, 45},    // values wider than keys
    {2, 2, 1, 50, 70},     // values narrower than keys
    {24, 3, 5, 20, 300},   // groups of parents with a rest of one row
    {8, 3, 12, 48, 353},   // a strip of values and half of one, one token more than a tile of float32
    {16, 2, 17, 50, 352},  // two strips and one column more
};

template <class T>
void check_all_cases() {
  for (const auto& [d, degree, d_value, n_queries, n_keys] : cases) {
    SCOPED_TRACE(testing::Message() << "d " << d << " degree " << degree << " d_value " << d_value);
    const Problem<T> problem(d, degree, d_value, n_queries, n_keys);
    expect_direct(problem, solve(problem), false);
  }
}

TEST_P(FeatureKernelOn, EqualsDirectSumInFloat32) {
  check_all_cases<float>();
}
TEST_P(FeatureKernelOn, EqualsDirectSumInFloat64) {
  check_all_cases<double>();
}

template <class T>
void check_causal() {
  for (const auto& [d, degree, d_value, n_queries, n_keys] : cases) {
    const Index n = std::max(n_queries, n_keys);  // up to 600 rows: several blocks
    SCOPED_TRACE(testing::Message() << "d " << d << " degree " << degree << " d_value " << d_value);
    const Problem<T> problem(d, degree, d_value, n, n);
    expect_direct(problem, solve_causal(problem, {n}), true);
    expect_direct(problem, solve_causal(problem, {1, 50, 0, 7, 193}), true);
  }
}

TEST_P(FeatureKernelOn, CausalEqualsMaskedSumHoweverItIsSplitInFloat32) {
  check_causal<float>();
}
TEST_P(FeatureKernelOn, CausalEqualsMaskedSumHoweverItIsSplitInFloat64) {
  check_causal<double>();
}

template <class T>
void check_shift() {
  constexpr Index d = 5, rows = 250;  // d: a block of a transposition and a rest; rows: several causal blocks
  Problem<T> problem(d, 3, 4, rows, rows);
  problem.keys = uniform<T>(rows, d, 1, 2.0);
  problem.shift = {T(2), T(1.5), T(2.5), T(1), T(2.25)};  // one of its own for each coordinate
  expect_direct(problem, solve(problem), false);
  expect_direct(problem, solve_causal(problem, {rows}), true);
}

TEST_P(FeatureKernelOn, SubtractsTheShiftFromEveryKeyInFloat32) {
  check_shift<float>();
}
TEST_P(FeatureKernelOn, SubtractsTheShiftFromEveryKeyInFloat64) {
  check_shift<double>();
}

template <class T>
double exact_largest_norm(const Matrix<T>& rows, Index d, const std::vector<T>& shift) {
  double largest = 0;
  for (std::size_t begin = 0; begin < rows.size(); begin += static_cast<std::size_t>(d)) {
    double norm = 0;
    for (std::size_t v = 0; v < static_cast<std::size_t>(d); ++v) {
      const double x = static_cast<double>(rows[begin + v]) - (shift.empty() ? 0.0 : static_cast<double>(shift[v]));
      norm += x * x;
    }
    largest = std::max(largest, norm);
  }
  return largest;
}

template <class T>
void check_norms() {
  const double above = 1 + 20 * std::numeric_limits<T>::epsilon();
  const auto expect_bounds = [&](double norm, double exact) {
    EXPECT_GE(norm * (1 + 1e-15), exact);  // float64 rounds here as well
    EXPECT_LE(norm, exact * above);
  };
  for (const Index degree : {0, 1, 3})
    for (const Index rows : {1, 50, 700}) {
      Problem<T> problem(5, degree, 3, rows, rows);
      problem.shift = {T(2), T(1.5), T(2.5), T(1), T(2.25)};
      const double of_keys = exact_largest_norm(problem.keys, 5, problem.shift);
      const double of_queries = exact_largest_norm(problem.queries, 5, {});
      FeatureKernel<T> kernel(5, degree, 3);
      std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0);
      expect_bounds(kernel.accumulate(problem.keys.data(), problem.values.data(), rows, state, problem.shift), of_keys);
      Answer<T> answer(rows, 3);
      const std::vector<T> weighted(state.size(), T(1));
      expect_bounds(
          kernel.apply(problem.queries.data(), rows, weighted, answer.outputs.data(), answer.denominators.data()),
          of_queries);
      expect_bounds(kernel.causal(problem.queries.data(), problem.keys.data(), problem.values.data(), rows, state,
                                  problem.weights, problem.p.c, problem.scale, answer.outputs.data(),
                                  answer.denominators.data(), problem.shift),
                    of_queries);
    }
}

TEST_P(FeatureKernelOn, ReturnsTheLargestNormsInFloat32) {
  check_norms<float>();
}
TEST_P(FeatureKernelOn, ReturnsTheLargestNormsInFloat64) {
  check_norms<double>();
}

/// Keys s_j B u and values s_j w with balanced signs s_j and u = (1, ..., 1): a query B u has the output
/// (p(R) - p(-R)) / (p(R) + p(-R)) w, R = scale d B^2, in closed form.
TEST_P(FeatureKernelOn, ReproducesThePlantedAnswer) {
  constexpr Index d = 8, degree = 4, n = 400;
  constexpr double B = 1;
  Problem<double> problem(d, degree, d, 2, n);
  for (Index j = 0; j < n; ++j)
    for (Index v = 0; v < d; ++v) {
      const double sign = j % 2 ? -1 : 1, w = v % 3 ? 1 : -1;
      problem.keys[j * d + v] = sign * B;
      problem.values[j * d + v] = sign * w;
    }
  for (Index v = 0; v < d; ++v) {
    problem.queries[v] = B;
    problem.queries[d + v] = v % 2 ? B : -B;  // a background query: score 0, output 0
  }
  const double radius = problem.scale * static_cast<double>(d) * B * B;
  const double expected = (problem.p(radius) - problem.p(-radius)) / (problem.p(radius) + problem.p(-radius));
  const Answer<double> answer = solve(problem);
  const double tolerance =
      495 * std::numeric_limits<double>::epsilon() * problem.p.absolute(radius) / problem.p(radius);
  for (Index v = 0; v < d; ++v) {
    EXPECT_NEAR(answer.outputs[v], expected * (v % 3 ? 1 : -1), tolerance);
    EXPECT_NEAR(answer.outputs[d + v], 0, tolerance);
  }
}

TEST_P(FeatureKernelOn, ZeroQueriesSeeTheMeanOfTheValues) {
  Problem<float> problem(4, 3, 1, 3, 100);
  std::fill(problem.queries.begin(), problem.queries.end(), 0.0F);
  double mean = 0;
  for (const float value : problem.values) mean += value / 100.0;
  for (const float output : solve(problem).outputs)
    EXPECT_NEAR(output, mean, 100 * std::numeric_limits<float>::epsilon());
}

/// Keys in {-1, 0, 1} and values in {-3, ..., 3}: every sum is a small integer, so nothing is rounded, and a column or
/// a feature in the wrong place shows.
template <class T>
void check_state_of_integers() {
  constexpr Index d = 4, degree = 3, rows = 500;
  const Philox random(3, Stream{0});
  Matrix<T> keys(rows * d);
  for (Index i = 0; i < rows * d; ++i) keys[i] = static_cast<T>(std::floor(3 * random.uniform(i, 0)) - 1);
  for (Index d_value = 1; d_value <= 18; ++d_value) {
    SCOPED_TRACE(d_value);
    Matrix<T> values(rows * d_value);
    for (Index i = 0; i < rows * d_value; ++i) values[i] = static_cast<T>(std::floor(7 * random.uniform(i, 1)) - 3);
    FeatureKernel<T> kernel(d, degree, d_value, false);
    std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0), expected = state;
    kernel.accumulate(keys.data(), values.data(), rows, state);
    for (Index a = 0; a < kernel.features(); ++a)
      for (Index i = 0; i < rows; ++i) {
        double feature = 1;
        const std::vector<Index> exponents = kernel.basis().exponents(a);
        for (Index v = 0; v < d; ++v) feature *= std::pow(keys[i * d + v], exponents[v]);
        for (Index c = 0; c < d_value; ++c) expected[a * (d_value + 1) + c] += feature * values[i * d_value + c];
        expected[a * (d_value + 1) + d_value] += feature;
      }
    EXPECT_EQ(state, expected);
  }
}

TEST_P(FeatureKernelOn, SumsOfIntegersAreExact) {
  check_state_of_integers<float>();
  check_state_of_integers<double>();
}

TEST(FeatureKernel, DoesNothingForNoRows) {
  FeatureKernel<float> kernel(3, 2, 2);
  const ExpPolynomial p = exp_polynomial(Coefficients::taylor, 2, 1);
  const std::vector<double> weights = kernel.basis().weights(p.c, 1);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 3.0);
  const std::vector<double> before = state;
  const std::vector<float> weighted(state.size(), 1.0F);
  constexpr double none = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(kernel.accumulate(nullptr, nullptr, 0, state), none);
  EXPECT_EQ(kernel.apply(nullptr, 0, weighted, nullptr, nullptr), none);
  EXPECT_EQ(kernel.causal(nullptr, nullptr, nullptr, 0, state, weights, p.c, 1, nullptr, nullptr), none);
  EXPECT_EQ(state, before);
}

TEST(FeatureKernel, RefusesCausalWhereItHasNoRoomForIt) {
  FeatureKernel<float> kernel(3, 2, 2, false);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0);
  EXPECT_THROW(kernel.causal(nullptr, nullptr, nullptr, 0, state, {}, {}, 1, nullptr, nullptr), Failure);
}

TEST(FeatureKernel, AddsToTheStateItIsGiven) {
  const Problem<double> problem(3, 3, 2, 1, 90);
  FeatureKernel<double> kernel(3, 3, 2);
  std::vector<double> whole(static_cast<std::size_t>(kernel.state_size()), 0.0), parts = whole;
  kernel.accumulate(problem.keys.data(), problem.values.data(), 90, whole);
  kernel.accumulate(problem.keys.data(), problem.values.data(), 41, parts);
  kernel.accumulate(problem.keys.data() + 41 * 3, problem.values.data() + 41 * 2, 49, parts);
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_NEAR(parts[i], whole[i], 90 * 1.25 * std::numeric_limits<double>::epsilon());
}

TEST(FeatureKernel, CountsTokensBeyondTheIntegersOfFloat32) {
  constexpr Index rows = 4096, calls = 4097;  // 2^24 + 4096 tokens: a float32 sum would stop at 2^24
  FeatureKernel<float> kernel(1, 0, 1);
  const std::vector<float> ones(rows, 1.0F);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0);
  for (Index call = 0; call < calls; ++call) kernel.accumulate(ones.data(), ones.data(), rows, state);
  EXPECT_EQ(state[1], static_cast<double>(rows * calls));
}

TEST(FeatureKernel, ShowsEachRowOnceBeforeItIsRead) {
  constexpr Index rows = 1000;
  FeatureKernel<float> kernel(2, 3, 1);
  std::vector<float> keys(2 * rows, 0.0F);
  const std::vector<float> values(rows, 1.0F);
  std::vector<double> state(static_cast<std::size_t>(kernel.state_size()), 0.0);
  Index seen = 0;
  kernel.accumulate(keys.data(), values.data(), rows, state, {}, [&](Range range) {
    EXPECT_EQ(range.begin, seen);
    seen = range.end;
    for (Index i = range.begin; i < range.end; ++i) keys[static_cast<std::size_t>(2 * i)] = 1;
  });
  EXPECT_EQ(seen, rows);
  EXPECT_EQ(state[2], static_cast<double>(rows));  // of the first variable, written by what looked
}

TEST(FeatureKernel, CausalLeavesTheStateOfAllRows) {
  const Problem<double> problem(4, 3, 3, 500, 500);
  FeatureKernel<double> kernel(4, 3, 3);
  std::vector<double> running(static_cast<std::size_t>(kernel.state_size()), 0.0), whole = running;
  Answer<double> answer(500, 3);
  kernel.causal(problem.queries.data(), problem.keys.data(), problem.values.data(), 500, running, problem.weights,
                problem.p.c, problem.scale, answer.outputs.data(), answer.denominators.data());
  kernel.accumulate(problem.keys.data(), problem.values.data(), 500, whole);
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_NEAR(running[i], whole[i], 500 * 1.25 * std::numeric_limits<double>::epsilon());
}

TEST(FeatureKernel, StoresNothingOfTheTopDegree) {
  // d = 32, degree 4: 58 905 features of which a panel of queries stores 6 545 in three lines of tokens each, and a
  // tile of keys 561, and 14 parents at a time, in 23; the rest is the values and sums of 33 columns, a sum of each
  // feature and the links, of all features and of the 6 545 below the top degree.
  const Index lines = 6545 * 3 + (561 + 14) * 23 + 32 * 22 + 33 * 3;
  const Index links =
      58905 * static_cast<Index>(sizeof(RowOffsets) + sizeof(double)) + 6545 * static_cast<Index>(sizeof(RowOffsets));
  EXPECT_EQ(FeatureKernel<float>::bytes(32, 4, 32, false), lines * 64 + links);
  EXPECT_EQ(FeatureKernel<double>::bytes(32, 4, 32, false), lines * 64 + links);
  EXPECT_GE(FeatureKernel<float>::bytes(32, 4, 32, true), lines * 64 + links + 58905 * 33 * 4);
}

TEST(FeatureKernel, CountsUsefulFlops) {
  // t (4 (d_value + 1) + 2) a token for both sides.
  EXPECT_EQ(FeatureKernel<float>::accumulate_flops(8, 4, 8, 10) + FeatureKernel<float>::apply_flops(8, 4, 8, 10),
            495.0 * 38 * 10);
  // One block: 10 * 11 / 2 pairs of 8 + 8 + 1 + 4 multiply-adds more.
  EXPECT_EQ(FeatureKernel<float>::causal_flops(8, 4, 8, 10), 495.0 * 38 * 10 + 55 * 2 * 21);
  const Index block = FeatureKernel<float>::causal_block(8, 4);
  EXPECT_EQ(FeatureKernel<float>::causal_flops(8, 4, 8, 2 * block + 10),
            2 * FeatureKernel<float>::causal_flops(8, 4, 8, block) + FeatureKernel<float>::causal_flops(8, 4, 8, 10));
}

}  // namespace
}  // namespace breakeven
