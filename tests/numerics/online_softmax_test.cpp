#include "numerics/online_softmax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "numerics/cpu.hpp"
#include "support/guarded_rows.hpp"

namespace breakeven {
namespace {

std::size_t as_size(Index n) {
  return static_cast<std::size_t>(n);
}

/// A small attention problem; all numbers are standard normal unless a test changes them.
template <class T>
struct Problem {
  SoftmaxShape shape;
  Index n_queries, n_keys;
  Index first_query = 0, first_key = 0;
  std::vector<T> queries, keys, values;

  Problem(const SoftmaxShape& its_shape, Index its_queries, Index its_keys)
      : shape(its_shape),
        n_queries(its_queries),
        n_keys(its_keys),
        queries(random(n_queries, shape.d, 0)),
        keys(random(n_keys, shape.d, 1)),
        values(random(n_keys, shape.d_value, 2)) {}

  static std::vector<T> random(Index rows, Index columns, std::uint32_t stream) {
    const Philox philox(7, Stream{stream});
    std::vector<T> entries(as_size(rows * columns));
    for (Index i = 0; i < rows * columns; ++i) entries[as_size(i)] = static_cast<T>(philox.normal(i));
    return entries;
  }
  QueryBlock<T> query_block() const { return {queries.data(), n_queries, first_query}; }
  KeyBlock<T> key_block(Index begin, Index end) const {
    return {keys.data() + begin * shape.d, values.data() + begin * shape.d_value, end - begin, first_key + begin};
  }
  bool sees(Index i, Index j) const { return !shape.causal || first_key + j <= first_query + i; }
};

SoftmaxShape shape_of(Index d, Index d_value, bool causal = false) {
  return {d, d_value, 1 / std::sqrt(static_cast<double>(d)), causal, SoftmaxMaximum::running};
}

/// The key block whole, or cut at the given rows and absorbed in the given order.
template <class T>
std::vector<T> attend(const Problem<T>& problem, const std::vector<Range>& blocks, Index max_keys) {
  OnlineSoftmax<T> state(problem.shape, problem.n_queries);
  SoftmaxWorkspace<T> workspace(problem.shape, max_keys);
  state.start(problem.query_block());
  for (const Range& block : blocks) state.absorb(problem.key_block(block.begin, block.end), workspace);
  std::vector<T> outputs(as_size(problem.n_queries * problem.shape.d_value), T(-77));
  state.finish(outputs.data());
  return outputs;
}
template <class T>
std::vector<T> attend(const Problem<T>& problem) {
  return attend(problem, {{0, problem.n_keys}}, problem.n_keys);
}

/// All keys at once, read where they lie if they are few.
template <class T>
std::vector<T> attend_at_once(const Problem<T>& problem) {
  OnlineSoftmax<T> state(problem.shape, problem.n_queries);
  SoftmaxWorkspace<T> workspace(problem.shape, problem.n_keys);
  std::vector<T> outputs(as_size(problem.n_queries * problem.shape.d_value), T(-77));
  state.attend(problem.query_block(), problem.key_block(0, problem.n_keys), workspace, outputs.data());
  return outputs;
}

/// The definition, in a type with more digits than float64, so that only the code under test rounds.
struct Reference {
  std::vector<long double> outputs;
  double largest_products = 0;  ///< max over i, j of scale * sum_p |q_ip k_jp|: what the scores' rounding scales with
};

template <class T>
Reference define(const Problem<T>& problem) {
  const auto& [d, d_value, scale, causal, maximum] = problem.shape;
  Reference reference{std::vector<long double>(as_size(problem.n_queries * d_value), 0.0L), 0};
  for (Index i = 0; i < problem.n_queries; ++i) {
    std::vector<long double> scores;
    for (Index j = 0; j < problem.n_keys && problem.sees(i, j); ++j) {
      long double score = 0, products = 0;
      for (Index p = 0; p < d; ++p) {
        const long double product = static_cast<long double>(problem.queries[as_size(i * d + p)]) *
                                    static_cast<long double>(problem.keys[as_size(j * d + p)]);
        score += product;
        products += std::abs(product);
      }
      scores.push_back(static_cast<long double>(scale) * score);
      reference.largest_products = std::max(reference.largest_products, scale * static_cast<double>(products));
    }
    if (scores.empty()) continue;
    const long double highest = *std::ranges::max_element(scores);
    long double sum = 0;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const long double weight = std::exp(scores[j] - highest);
      sum += weight;
      for (Index c = 0; c < d_value; ++c)
        reference.outputs[as_size(i * d_value + c)] +=
            weight * static_cast<long double>(problem.values[j * as_size(d_value) + as_size(c)]);
    }
    for (Index c = 0; c < d_value; ++c) reference.outputs[as_size(i * d_value + c)] /= sum;
  }
  return reference;
}

/// A weight is off by a relative eps * (3 of the exponential + sqrt(d + 3) * largest products of the score: a sum of d
/// + 3 roundings, which add up like a random walk: Higham and Mary 2019), a sum of n weights by eps * sqrt(n) more.
/// Numerator and denominator: twice that, times max|V|. And twice again, as a random walk sometimes goes further.
template <class T>
double tolerance(const Problem<T>& problem, const Reference& reference) {
  double largest_value = 0;
  for (const T value : problem.values) largest_value = std::max(largest_value, std::abs(static_cast<double>(value)));
  const double weight = 3 + std::sqrt(static_cast<double>(problem.shape.d) + 3) * reference.largest_products;
  const double sum = std::sqrt(static_cast<double>(problem.n_keys));
  return 4 * std::numeric_limits<T>::epsilon() * (weight + sum) * largest_value;
}

template <class T>
void expect_near(const std::vector<T>& outputs, const Problem<T>& problem, const Reference& reference) {
  double error = 0;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    ASSERT_TRUE(std::isfinite(outputs[k])) << "output " << k;
    error = std::max(error, static_cast<double>(std::abs(outputs[k] - reference.outputs[k])));
  }
  EXPECT_LE(error, tolerance(problem, reference))
      << "n_queries " << problem.n_queries << ", n_keys " << problem.n_keys << ", d " << problem.shape.d << ", d_value "
      << problem.shape.d_value << ", causal " << problem.shape.causal << ", first_query " << problem.first_query
      << ", first_key " << problem.first_key << ", bytes of T " << sizeof(T);
}

template <class T>
void expect_definition(const Problem<T>& problem) {
  const Reference reference = define(problem);
  expect_near(attend(problem), problem, reference);
  expect_near(attend_at_once(problem), problem, reference);
}

/// Calls body(T{}) for both scalar types.
template <class Body>
void for_both_types(Body body) {
  body(float{});
  body(double{});
}

/// Every compiled instruction set that this processor can run.
class OnlineSoftmaxOn : public testing::TestWithParam<std::string> {
  SimdTargetScope scope_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EveryTarget, OnlineSoftmaxOn, testing::ValuesIn(simd_targets()),
                         [](const auto& target) { return target.param; });

TEST_P(OnlineSoftmaxOn, EqualsTheDefinitionForAllNumbersOfQueriesAndKeys) {
  constexpr Index sizes[] = {0,  1,       // none, fewer than anything
                             7,  8,  9,   // around a register tile of 8 keys (and twice one of 4)
                             23, 24, 25,  // around a panel: AVX-512 f64, AVX2 f32
                             47, 48, 49,  // around a panel: AVX-512 f32
                             64, 65,      // a block of f64 keys, and one more
                             130};        // two blocks of f32 keys, three panels, neither full
  for_both_types([&]<class T>(T) {
    for (const Index n_queries : sizes)
      for (const Index n_keys : sizes)
        for (const bool causal : {false, true})
          expect_definition(Problem<T>(shape_of(8, 8, causal), n_queries, n_keys));
  });
}

TEST_P(OnlineSoftmaxOn, EqualsTheDefinitionForAllLengths) {
  constexpr Index lengths[] = {1,  3,    // far below a tile
                               8,  16,   // whole tiles
                               64, 65};  // the usual head, and one column too many
  for_both_types([&]<class T>(T) {
    for (const Index d : lengths)
      for (const Index d_value : lengths) expect_definition(Problem<T>(shape_of(d, d_value), 50, 70));
  });
}

TEST_P(OnlineSoftmaxOn, MasksByGlobalIndexWhereverTheBlocksLie) {
  for_both_types([]<class T>(T) {
    for (const Index first_query : {0, 3, 100, 129, 300})
      for (const Index first_key :
           {0, 5, 64, 128, 170, 230, 231, 400}) {  // before, on, half behind, behind the queries
        Problem<T> problem(shape_of(8, 5, true), 131, 140);
        problem.first_query = first_query;
        problem.first_key = first_key;
        expect_definition(problem);
      }
  });
}

TEST_P(OnlineSoftmaxOn, IgnoresOrderAndCuttingOfTheKeyBlocks) {
  for_both_types([]<class T>(T) {
    for (const bool causal : {false, true}) {
      Problem<T> problem(shape_of(65, 33, causal), 61, 900);
      problem.first_query = 850;  // some queries see keys on both sides of the diagonal, none sees all
      const Reference reference = define(problem);
      const std::vector<std::vector<Range>> cuts = {
          {{0, 900}},                                          // several packed stretches of 128 keys
          {{450, 900}, {0, 450}},                              // later keys first
          {{899, 900}, {0, 0}, {1, 130}, {130, 899}, {0, 1}},  // ragged, with an empty block
          {{300, 600}, {600, 900}, {0, 300}}};                 // a ring of three, seen from rank 1
      for (const auto& cut : cuts) expect_near(attend(problem, cut, 100), problem, reference);
      expect_near(attend(problem, cuts[0], 900), problem, reference);
    }
  });
}

TEST_P(OnlineSoftmaxOn, AttendsAtOnceWhetherOrNotItPacksTheKeys) {
  for_both_types([]<class T>(T) {
    for (const bool causal : {false, true}) {
      const auto expect_at_once = [](Problem<T> problem, Index first_query) {
        problem.first_query = first_query;
        expect_near(attend_at_once(problem), problem, define(problem));
      };
      expect_at_once(Problem<T>(shape_of(2, 3, causal), 33 * 48, 30), 0);    // panels by the dozen
      expect_at_once(Problem<T>(shape_of(515, 517, causal), 10, 260), 255);  // more keys than a cache holds
      expect_at_once(Problem<T>(shape_of(33, 31, causal), 150, 500), 400);   // several blocks of keys in place
    }
  });
}

TEST_P(OnlineSoftmaxOn, ReadsNothingBeyondTheRows) {
  for_both_types([]<class T>(T) {
    for (const Index n : {1, 7, 50})
      for (const Index d_value : {1, 7, 8, 13}) {
        const Problem<T> problem(shape_of(5, d_value), n, n);
        const GuardedRows<T> queries(problem.queries), keys(problem.keys), values(problem.values);
        const GuardedRows<T> outputs(std::vector<T>(as_size(n * d_value)));
        OnlineSoftmax<T> state(problem.shape, n);
        SoftmaxWorkspace<T> workspace(problem.shape, n);
        state.attend({queries.data(), n, 0}, {keys.data(), values.data(), n, 0}, workspace, outputs.data());
        EXPECT_EQ(std::vector<T>(outputs.data(), outputs.data() + n * d_value), attend_at_once(problem));
        state.start({queries.data(), n, 0});
        state.absorb({keys.data(), values.data(), n, 0}, workspace);
        state.finish(outputs.data());
        EXPECT_EQ(std::vector<T>(outputs.data(), outputs.data() + n * d_value), attend(problem));
      }
  });
}

TEST_P(OnlineSoftmaxOn, AttendsWithAWorkspaceForMoreKeys) {
  for_both_types([]<class T>(T) {
    const Problem<T> large(shape_of(9, 7), 100, 103), small(shape_of(9, 7), 31, 77);
    OnlineSoftmax<T> state(large.shape, 100);
    SoftmaxWorkspace<T> workspace(large.shape, 103);
    std::vector<T> outputs(100 * 7);
    state.attend(large.query_block(), large.key_block(0, 103), workspace, outputs.data());
    EXPECT_EQ(outputs, attend_at_once(large));
    state.attend(small.query_block(), small.key_block(0, 77), workspace, outputs.data());
    outputs.resize(31 * 7);
    EXPECT_EQ(outputs, attend_at_once(small));
    SoftmaxWorkspace<T> for_fewer(large.shape, 50);  // it packs them, in stretches
    outputs.resize(100 * 7);
    state.attend(large.query_block(), large.key_block(0, 103), for_fewer, outputs.data());
    expect_near(outputs, large, define(large));
  });
}

TEST_P(OnlineSoftmaxOn, DoesNotOverflowOnScoresOfHundreds) {
  for_both_types([]<class T>(T) {
    for (const double size : {30.0, 300.0, 3000.0}) {
      Problem<T> problem(shape_of(16, 4), 60, 200);
      problem.shape.scale = size / 16;
      expect_definition(problem);
    }
  });
}

TEST_P(OnlineSoftmaxOn, FollowsMaximaThatGrowWithEveryKey) {
  for_both_types([]<class T>(T) {
    for (const double growth : {0.01, 1.0, 12.0, 200.0})  // per key: below, around and above the threshold of a rescale
      for (const bool falling : {false, true}) {
        Problem<T> problem(shape_of(1, 3), 50, 150);
        std::ranges::fill(problem.queries, T(1));
        problem.queries[1] = T(-1);  // one lane goes the other way
        for (Index j = 0; j < 150; ++j) problem.keys[as_size(j)] = static_cast<T>(falling ? 150 - j : j);
        problem.shape.scale = growth;
        expect_definition(problem);
      }
  });
}

TEST_P(OnlineSoftmaxOn, KeepsOldWeightsExactWhenOtherQueriesRescale) {
  for_both_types([]<class T>(T) {
    // Query 0 sees equal scores throughout, query 1 forces a rescale with every key of its own.
    Problem<T> problem(shape_of(2, 1), 2, 200);
    problem.queries = {T(0), T(0), T(100), T(0)};
    for (Index j = 0; j < 200; ++j) {
      problem.keys[as_size(2 * j)] = static_cast<T>(j);
      problem.values[as_size(j)] = T(j < 100 ? 1 : -1);
    }
    // Weights are all equal: a factor of 2^0 that is exactly 1 leaves the mean exactly 0.
    EXPECT_EQ(attend(problem)[0], T(0));
  });
}

TEST_P(OnlineSoftmaxOn, TurnsScoresIntoExponentialsToAFewUnitsInTheLastPlace) {
  for_both_types([]<class T>(T) {
    for (const SoftmaxMaximum maximum : {SoftmaxMaximum::running, SoftmaxMaximum::none}) {
      constexpr Index n = 2000;
      Problem<T> problem({1, 1, std::numbers::ln2, false, maximum}, n, 2);
      // Scores 0 and x log 2 with values 0 and 1: the output is 2^x / (1 + 2^x).
      problem.keys = {T(0), T(1)};
      problem.values = {T(0), T(1)};
      for (Index i = 0; i < n; ++i) problem.queries[as_size(i)] = static_cast<T>(i - n / 2) * T(0.0173);
      const std::vector<T> outputs = attend(problem);
      // 3 of the exponential (numerator and denominator partly cancel), 1 of the sum, 1 of the quotient. In both types
      // log2(e) ln 2 rounds to exactly 1.
      const double bound = 5 * std::numeric_limits<T>::epsilon();
      for (Index i = 0; i < n; ++i) {
        const long double weight = std::exp2(static_cast<long double>(problem.queries[as_size(i)]));
        const long double expected = weight / (1 + weight);
        const long double error = std::abs(static_cast<long double>(outputs[as_size(i)]) / expected - 1);
        ASSERT_LE(static_cast<double>(error), bound) << "x = " << problem.queries[as_size(i)];
      }
    }
  });
}

TEST_P(OnlineSoftmaxOn, GivesTheMeanOfTheValuesForKeysOfZero) {
  for_both_types([]<class T>(T) {
    Problem<T> problem(shape_of(8, 9), 10, 200);
    std::ranges::fill(problem.keys, T(0));
    const std::vector<T> outputs = attend(problem);
    for (Index c = 0; c < 9; ++c) {
      double mean = 0;
      for (Index j = 0; j < 200; ++j) mean += static_cast<double>(problem.values[as_size(j * 9 + c)]) / 200;
      for (Index i = 0; i < 10; ++i)  // all weights are equal: what rounds is a sum of 200 values below 4
        EXPECT_NEAR(static_cast<double>(outputs[as_size(i * 9 + c)]), mean,
                    4 * std::sqrt(200.) * std::numeric_limits<T>::epsilon());
    }
  });
}

TEST_P(OnlineSoftmaxOn, GivesOneForValuesOfOne) {
  for_both_types([]<class T>(T) {
    Problem<T> problem(shape_of(8, 3, true), 300, 300);
    std::ranges::fill(problem.values, T(1));
    // Numerator and denominator sum the same weights, in blocks in both cases, each within sqrt(300) roundings.
    const double bound = 2 * std::sqrt(300.) * std::numeric_limits<T>::epsilon();
    for (const T output : attend(problem)) EXPECT_NEAR(static_cast<double>(output), 1.0, bound);
  });
}

TEST_P(OnlineSoftmaxOn, AgreesWithAndWithoutRunningMaximum) {
  for_both_types([]<class T>(T) {
    for (const bool causal : {false, true}) {
      Problem<T> problem(shape_of(16, 7, causal), 100, 150);
      const std::vector<T> running = attend(problem);
      problem.shape.maximum = SoftmaxMaximum::none;
      const Reference reference = define(problem);
      const std::vector<T> none = attend(problem);
      expect_near(none, problem, reference);
      for (std::size_t k = 0; k < none.size(); ++k)
        EXPECT_NEAR(static_cast<double>(none[k]), static_cast<double>(running[k]), 2 * tolerance(problem, reference));
    }
  });
}

TEST_P(OnlineSoftmaxOn, LeavesQueriesWithoutKeysNeutral) {
  for_both_types([]<class T>(T) {
    Problem<T> problem(shape_of(8, 2, true), 70, 40);
    problem.first_key = 60;  // queries 0 to 59 see none
    for (const SoftmaxMaximum maximum : {SoftmaxMaximum::running, SoftmaxMaximum::none}) {
      problem.shape.maximum = maximum;
      const std::vector<T> outputs = attend(problem);
      for (Index k = 0; k < 60 * 2; ++k) EXPECT_EQ(outputs[as_size(k)], T(0));
      expect_near(outputs, problem, define(problem));
    }
  });
}

TEST_P(OnlineSoftmaxOn, AddsToQueriesThatSawKeysBesideOthersThatSawNone) {
  for_both_types([]<class T>(T) {
    const Problem<T> problem(shape_of(8, 9, true), 130, 130);
    const std::vector<Range> last_first = {{110, 130}, {60, 110}, {20, 60}, {0, 20}};
    expect_near(attend(problem, last_first, 130), problem, define(problem));
  });
}

TEST_P(OnlineSoftmaxOn, LeavesNothingOfAnotherBlockToQueriesWithoutKeys) {
  for_both_types([]<class T>(T) {
    Problem<T> problem(shape_of(8, 9, true), 70, 70);
    std::ranges::fill(problem.values, std::numeric_limits<T>::max());
    OnlineSoftmax<T> state(problem.shape, 70);
    SoftmaxWorkspace<T> workspace(problem.shape, 70);
    std::vector<T> outputs(70 * 9);
    state.start(problem.query_block());
    state.absorb(problem.key_block(0, 70), workspace);  // sums overflow
    problem.first_key = 100;
    state.start(problem.query_block());
    state.absorb(problem.key_block(0, 70), workspace);
    state.finish(outputs.data());
    for (const T output : outputs) ASSERT_EQ(output, T(0));
    state.attend(problem.query_block(), problem.key_block(0, 70), workspace, outputs.data());
    for (const T output : outputs) ASSERT_EQ(output, T(0));
  });
}

TEST_P(OnlineSoftmaxOn, StartsAfreshWithEveryBlockOfQueries) {
  for_both_types([]<class T>(T) {
    const Problem<T> large(shape_of(8, 8), 100, 100), small(shape_of(8, 8), 30, 77);
    OnlineSoftmax<T> state(large.shape, 100);
    SoftmaxWorkspace<T> workspace(large.shape, 100);
    std::vector<T> outputs(100 * 8);
    state.start(large.query_block());
    state.absorb(large.key_block(0, 100), workspace);
    state.finish(outputs.data());
    state.start(small.query_block());  // fewer queries than before
    state.absorb(small.key_block(0, 77), workspace);
    outputs.resize(30 * 8);
    state.finish(outputs.data());
    EXPECT_EQ(outputs, attend(small));
  });
}

TEST_P(OnlineSoftmaxOn, RefusesWhatItWasNotMadeFor) {
  const Problem<float> problem(shape_of(8, 8), 480, 10);
  OnlineSoftmax<float> state(problem.shape, 10);
  EXPECT_THROW(state.start(problem.query_block()), Failure);
  SoftmaxWorkspace<float> longer_keys(shape_of(9, 8), 10), longer_values(shape_of(8, 9), 10);
  EXPECT_THROW(state.absorb(problem.key_block(0, 10), longer_keys), Failure);
  EXPECT_THROW(state.absorb(problem.key_block(0, 10), longer_values), Failure);
  float output = 0;
  const QueryBlock<float> query{problem.queries.data(), 1, 0};
  EXPECT_THROW(state.attend(query, problem.key_block(0, 10), longer_keys, &output), Failure);
  EXPECT_THROW(state.attend(query, problem.key_block(0, 10), longer_values, &output), Failure);
  SoftmaxWorkspace<float> shorter_values(shape_of(8, 7), 10), whole_columns(shape_of(8, 8), 10);
  EXPECT_THROW(state.attend(query, problem.key_block(0, 10), shorter_values, &output), Failure);
  OnlineSoftmax<float> state_of_seven(shape_of(8, 7), 10);  // as many padded columns, but its last ones need room
  EXPECT_THROW(state_of_seven.attend(query, problem.key_block(0, 10), whole_columns, &output), Failure);
}

TEST_P(OnlineSoftmaxOn, CallsBackBetweenTiles) {
  const Problem<float> problem(shape_of(64, 64), 480, 480);
  OnlineSoftmax<float> state(problem.shape, 480);
  SoftmaxWorkspace<float> workspace(problem.shape, 480);
  state.start(problem.query_block());
  int calls = 0;
  state.absorb(problem.key_block(0, 480), workspace, [&] { ++calls; });
  EXPECT_THAT(calls, testing::AllOf(testing::Ge(3), testing::Le(60)));  // 59e6 flops: a few hundred microseconds
}

}  // namespace
}  // namespace breakeven
