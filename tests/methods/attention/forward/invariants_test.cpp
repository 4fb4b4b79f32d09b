#include <gmock/gmock.h>

#include <numeric>

#include "support/attention_runs.hpp"
#include "support/on_ranks.hpp"

// What attention owes whatever the numbers: cases whose answer is known without computing it, and symmetries.
namespace breakeven::testing_support {
namespace {

using Invariants = OnRanks;

constexpr Precision precisions[] = {Precision::f32, Precision::f64};

ForwardSpec spec_of(Index n, bool causal) {
  ForwardSpec spec;
  spec.n = n;
  spec.d = 3;
  spec.d_value = 2;
  spec.causal = causal;
  return spec;
}

/// In every setting, precision, with and without a mask.
void for_all(
    const Communicator& comm, Index n, const std::function<void(AttentionData&)>& change,
    const std::function<void(const AttentionData&, const Array<double>&, double, const std::string&)>& expect) {
  for (const bool causal : {false, true}) {
    AttentionData data = AttentionData::generated(spec_of(n, causal));
    change(data);
    for (const Precision precision : precisions)
      for (const Setting& method : all_settings())
        expect(data, method.run(comm, data, precision).o,
               rounding(precision, method, data.spec, data.spec.score_bound()),
               method.name + " " + to_text(precision) + (causal ? " causal" : ""));
  }
}

/// Mean of V over the rows that row i may see.
double mean_of_values(const AttentionData& data, Index i, Index c) {
  const Index seen = data.spec.causal ? i + 1 : data.spec.n;
  double sum = 0;
  for (Index j = 0; j < seen; ++j) sum += data.v(0, j, c);
  return sum / static_cast<double>(seen);
}

void expect_mean_of_values(const AttentionData& data, const Array<double>& o, double tolerance,
                           const std::string& where) {
  for (Index i = 0; i < data.spec.n; ++i)
    for (Index c = 0; c < o.columns(); ++c)
      EXPECT_NEAR(o(0, i, c), mean_of_values(data, i, c), tolerance) << where << " row " << i;
}

TEST_P(Invariants, ZeroKeysGiveTheMeanOfV) {
  on_ranks([](const Communicator& comm) {
    for_all(
        comm, 19, [](AttentionData& data) { std::fill_n(data.k.data(), data.k.size(), 0); }, expect_mean_of_values);
  });
}

TEST_P(Invariants, ZeroQueriesGiveTheMeanOfV) {
  on_ranks([](const Communicator& comm) {
    for_all(
        comm, 19, [](AttentionData& data) { std::fill_n(data.q.data(), data.q.size(), 0); }, expect_mean_of_values);
  });
}

/// Rows of softmax sum to 1, and so do those of every polynomial method: numerator and denominator share their weights.
TEST_P(Invariants, ValuesOfOneGiveOne) {
  on_ranks([](const Communicator& comm) {
    for_all(
        comm, 19, [](AttentionData& data) { std::fill_n(data.v.data(), data.v.size(), 1); },
        [](const AttentionData&, const Array<double>& o, double tolerance, const std::string& where) {
          EXPECT_THAT(o.span(), testing::Each(testing::DoubleNear(1, tolerance))) << where;
        });
  });
}

TEST_P(Invariants, OneTokenAttendsToItself) {
  on_ranks([](const Communicator& comm) {
    for_all(
        comm, 1, [](AttentionData&) {},
        [](const AttentionData& data, const Array<double>& o, double tolerance, const std::string& where) {
          EXPECT_LE(largest_difference(o, data.v), tolerance) << where;
        });
  });
}

/// o = v_0 + (v_1 - v_0) / (1 + e^(s_0 - s_1)).
TEST_P(Invariants, TwoTokensAreTheLogisticFunction) {
  on_ranks([](const Communicator& comm) {
    ForwardSpec spec = spec_of(2, false);
    spec.d = spec.d_value = 1;
    spec.scale = "0.7";
    AttentionData data(spec);
    data.q(0, 0, 0) = 0.5, data.q(0, 1, 0) = -0.25;
    data.k(0, 0, 0) = 0.75, data.k(0, 1, 0) = -0.5;
    data.v(0, 0, 0) = -1, data.v(0, 1, 0) = 0.5;
    for (const Setting& method : exact_settings()) {
      const AttentionRun run = method.run(comm, data, Precision::f64);
      for (Index i = 0; i < 2; ++i)
        EXPECT_NEAR(run.o(0, i, 0), -1 + 1.5 / (1 + std::exp(0.7 * data.q(0, i, 0) * 1.25)),
                    rounding(Precision::f64, method, spec, 1))
            << method.name;
    }
  });
}

Array<double> permuted(const Array<double>& array, const std::vector<Index>& order) {
  Array<double> result(array.slices(), array.rows(), array.columns());
  for (Index slice = 0; slice < array.slices(); ++slice)
    for (Index i = 0; i < array.rows(); ++i)
      std::copy_n(array.row(slice, order[static_cast<std::size_t>(i)]), array.columns(), result.row(slice, i));
  return result;
}

TEST_P(Invariants, OrderOfKeysIsInvisibleAndThatOfQueriesIsKept) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(23, false));
    const std::vector<Index> order = permutation(Philox(5, Stream{1}), 23, 0);
    AttentionData other_keys = data, other_queries = data;
    other_keys.k = permuted(data.k, order), other_keys.v = permuted(data.v, order);
    other_queries.q = permuted(data.q, order);
    for (const Precision precision : precisions)
      for (const Setting& method : all_settings()) {
        const Array<double> o = method.run(comm, data, precision).o;
        const double tolerance = rounding(precision, method, data.spec, data.spec.score_bound());
        EXPECT_LE(largest_difference(method.run(comm, other_keys, precision).o, o), tolerance) << method.name;
        EXPECT_LE(largest_difference(method.run(comm, other_queries, precision).o, permuted(o, order)), tolerance)
            << method.name;
      }
  });
}

/// Softmax does not see a vector added to all keys; the polynomial does not if the keys are centred.
TEST_P(Invariants, AVectorAddedToAllKeysChangesNothing) {
  on_ranks([](const Communicator& comm) {
    std::vector<Setting> methods = exact_settings();
    methods.push_back(polynomial(of_degree(4, "taylor", true)));
    methods.push_back(polynomial(of_degree(3, "minimax", true)));
    for (const bool causal : {false, true}) {
      const AttentionData data = AttentionData::generated(spec_of(23, causal));
      AttentionData moved = data;
      for (Index j = 0; j < 23; ++j)
        for (Index c = 0; c < 3; ++c) moved.k(0, j, c) += 0.5 - 0.75 * static_cast<double>(c);
      for (const Setting& method : methods)
        EXPECT_LE(
            largest_difference(method.run(comm, moved, Precision::f64).o, method.run(comm, data, Precision::f64).o),
            rounding(Precision::f64, method, data.spec, 3 * data.spec.score_bound()))
            << method.name;
    }
  });
}

TEST_P(Invariants, TheAnswerIsLinearInV) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true}) {
      const AttentionData one = AttentionData::generated(spec_of(23, causal), 1);
      AttentionData two = one, both = one;
      two.v = AttentionData::generated(spec_of(23, causal), 2).v;
      for (Index i = 0; i < both.v.size(); ++i) both.v.data()[i] = 3 * one.v.data()[i] - 2 * two.v.data()[i];
      for (const Setting& method : all_settings()) {
        const Array<double> a = method.run(comm, one, Precision::f64).o, b = method.run(comm, two, Precision::f64).o;
        Array<double> combined = a;
        for (Index i = 0; i < a.size(); ++i) combined.data()[i] = 3 * a.data()[i] - 2 * b.data()[i];
        EXPECT_LE(largest_difference(method.run(comm, both, Precision::f64).o, combined),
                  5 * rounding(Precision::f64, method, one.spec, one.spec.score_bound()))
            << method.name;
      }
    }
  });
}

/// Heads and batch elements share nothing. Chebyshev and minimax do: their radius is that of all slices together.
TEST_P(Invariants, ASliceOfABatchIsTheRunOfItsDataAlone) {
  on_ranks([](const Communicator& comm) {
    std::vector<Setting> methods = exact_settings();
    methods.push_back(polynomial(of_degree(4)));
    methods.push_back(polynomial(of_degree(4, "taylor", true)));
    for (const bool causal : {false, true}) {
      ForwardSpec spec = spec_of(17, causal);
      spec.batch = 2, spec.heads = 3;
      const AttentionData data = AttentionData::generated(spec);
      spec.batch = spec.heads = 1;
      for (const Setting& method : methods) {
        const Array<double> together = method.run(comm, data, Precision::f64).o;
        for (Index slice = 0; slice < 6; ++slice) {
          AttentionData alone(spec);
          std::copy_n(data.q.slice(slice), alone.q.size(), alone.q.data());
          std::copy_n(data.k.slice(slice), alone.k.size(), alone.k.data());
          std::copy_n(data.v.slice(slice), alone.v.size(), alone.v.data());
          const Array<double> o = method.run(comm, alone, Precision::f64).o;
          double largest = 0;
          for (Index i = 0; i < o.size(); ++i)
            largest = std::max(largest, std::abs(o.data()[i] - together.slice(slice)[i]));
          EXPECT_LE(largest, rounding(Precision::f64, method, spec, spec.score_bound()))
              << method.name << " slice " << slice;
        }
      }
    }
  });
}

// One rank; uneven blocks; more ranks than some of the sizes.
INSTANTIATE_TEST_SUITE_P(Forward, Invariants, testing::Values(1, 3, 7), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
