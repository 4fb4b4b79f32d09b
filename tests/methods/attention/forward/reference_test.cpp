#include <gmock/gmock.h>

#include <functional>

#include "support/attention_runs.hpp"
#include "support/on_ranks.hpp"

// The oracle and the quality computed from it: what everything else is judged by.
namespace breakeven::testing_support {
namespace {

using Reference = OnRanks;

ForwardSpec spec_of(Index n, bool causal = false) {
  ForwardSpec spec;
  spec.n = n;
  spec.d = 2;
  spec.causal = causal;
  return spec;
}

TEST_P(Reference, IsTheDefinitionOnAllRows) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true})
      for (const Index n : {1, 5, 61}) {
        ForwardSpec spec = spec_of(n, causal);
        spec.heads = 2;
        const AttentionData data = AttentionData::generated(spec);
        const ForwardReference reference = ForwardProblem<double>::reference(comm, spec, MemorySource<double>(data), 1);
        EXPECT_EQ(static_cast<Index>(reference.rows.size()), n);
        EXPECT_LE(largest_difference(reference.o, exact_attention(data)), 1e-13);
        EXPECT_LE(largest_difference(reference.mean, defined_attention(data, [](double) { return 1.0; })), 1e-13);
        double largest = 0;
        for (const double v : data.v.span()) largest = std::max(largest, std::abs(v));
        EXPECT_EQ(reference.value_max, largest);
      }
  });
}

TEST_P(Reference, SamplesTheSameRowsOnEveryRankCountAbove4096) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true}) {
      const AttentionData data = AttentionData::generated(spec_of(4100, causal));
      const ForwardReference reference =
          ForwardProblem<double>::reference(comm, data.spec, MemorySource<double>(data), 1);
      const std::vector<Index> expected = sample_without_replacement(Philox(1, Stream{100}), 4100, 1024);
      EXPECT_EQ(reference.rows, expected);
      if (reference.rows != expected) continue;  // on all ranks alike
      for (const std::size_t at : {0u, 1u, 511u, 1023u}) {
        const Index i = reference.rows[at];
        double total = 0, radius = 0;
        std::array<double, 2> o{};
        for (Index j = 0; j < (causal ? i + 1 : 4100); ++j) {
          const double score =
              data.spec.scale_factor() * (data.q(0, i, 0) * data.k(0, j, 0) + data.q(0, i, 1) * data.k(0, j, 1));
          total += std::exp(score);
          radius = std::max(radius, std::abs(score));
          for (Index c = 0; c < 2; ++c) o[static_cast<std::size_t>(c)] += std::exp(score) * data.v(0, j, c);
        }
        EXPECT_NEAR(reference.o(0, static_cast<Index>(at), 0), o[0] / total, 1e-13);
        EXPECT_NEAR(reference.o(0, static_cast<Index>(at), 1), o[1] / total, 1e-13);
        EXPECT_LE(radius, reference.score_radius);
      }
      EXPECT_LE(reference.score_radius, data.spec.score_bound());
    }
  });
}

TEST_P(Reference, EveryMethodIsCheckedOnThoseRows) {
  on_ranks([](const Communicator& comm) {
    for (const bool causal : {false, true}) {
      const AttentionData data = AttentionData::generated(spec_of(4100, causal));
      for (const Setting& method :
           {setting<attention::Ring>("ring", true, {}), polynomial(of_degree(4, "minimax", true))}) {
        const AttentionRun run = method.run(comm, data, Precision::f64);
        EXPECT_EQ(run.quality.rows_checked, 1024) << method.name;
        EXPECT_EQ(run.promise.kind, Promise::Kind::certified) << method.name;
        EXPECT_LE(run.quality.error_max, run.promise.bound) << method.name;
      }
    }
  });
}

/// Quality of the exact answer, damaged on the rank that holds `row` (contiguous blocks).
ForwardQuality quality_of(const Communicator& comm, const AttentionData& data,
                          const std::function<void(Array<double>&)>& damage) {
  const Layout layout = Layout::contiguous(data.spec.n, comm.size());
  const MemorySource<double> source(data);
  const ForwardProblem<double> problem(data.spec, source, layout, comm.rank());
  const ForwardReference reference = ForwardProblem<double>::reference(comm, data.spec, source, 1);
  Array<double> o = exact_attention(data);
  damage(o);
  const Range rows = layout.ranges(comm.rank()).front();
  ForwardSolution<double> solution;
  solution.o = Array<double>(1, rows.size(), 2);
  std::copy_n(o.row(0, rows.begin), solution.o.size(), solution.o.data());
  return ForwardProblem<double>::quality(comm, reference, problem, solution);
}

double norm(const Array<double>& array) {
  double squares = 0;
  for (const double x : array.span()) squares += x * x;
  return std::sqrt(squares);
}

TEST_P(Reference, MeasuresAKnownError) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(20));
    const Array<double> exact = exact_attention(data), mean = defined_attention(data, [](double) { return 1.0; });
    Array<double> of_mean = mean;
    for (Index i = 0; i < of_mean.size(); ++i) of_mean.data()[i] -= exact.data()[i];
    double largest = 0;
    for (const double v : data.v.span()) largest = std::max(largest, std::abs(v));
    const ForwardQuality quality = quality_of(comm, data, [](Array<double>& o) { o(0, 13, 1) += 0.25; });
    EXPECT_NEAR(quality.error, 0.25 / norm(exact), 1e-12);
    EXPECT_NEAR(quality.error_max, 0.25 / largest, 1e-12);
    EXPECT_NEAR(quality.skill, 1 - 0.25 / norm(of_mean), 1e-11);
    EXPECT_EQ(quality.rows_checked, 20);
    EXPECT_NEAR(quality_of(comm, data, [&](Array<double>& o) { o = mean; }).skill, 0, 1e-12);
    EXPECT_NEAR(quality_of(comm, data, [](Array<double>&) {}).skill, 1, 1e-12);
  });
}

/// Wherever it stands, first or last or followed by perfect entries: an answer with a NaN has no finite error.
TEST_P(Reference, ANaNIsAnInfiniteError) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(20));
    for (const Index row : {0, 7, 19})
      for (const Index column : {0, 1}) {
        const auto damage = [&](Array<double>& o) { o(0, row, column) = NAN; };
        const ForwardQuality quality = quality_of(comm, data, damage);
        EXPECT_EQ(quality.error_max, INFINITY) << "row " << row << " column " << column;
        EXPECT_FALSE(quality.error < 1);
        EXPECT_FALSE(quality.skill > 0);
      }
  });
}

TEST_P(Reference, AnInfinityIsAnInfiniteError) {
  on_ranks([](const Communicator& comm) {
    const AttentionData data = AttentionData::generated(spec_of(20));
    EXPECT_EQ(quality_of(comm, data, [](Array<double>& o) { o(0, 7, 0) = -INFINITY; }).error_max, INFINITY);
  });
}

/// Values that are all zero have the answer zero: no error, rather than 0 / 0.
TEST_P(Reference, ZeroValuesAreAnsweredWithoutError) {
  on_ranks([](const Communicator& comm) {
    AttentionData data = AttentionData::generated(spec_of(20));
    std::fill_n(data.v.data(), data.v.size(), 0);
    for (const Setting& method : all_settings()) {
      const AttentionRun run = method.run(comm, data, Precision::f64);
      EXPECT_EQ(run.quality.error, 0) << method.name;
      EXPECT_EQ(run.quality.error_max, 0) << method.name;
    }
  });
}

TEST_P(Reference, AgreementIsRelativeToTheLargestEntry) {
  attention::ForwardReference reference;
  reference.n = 100;
  ForwardSolution<double> a, b;
  a.o = Array<double>(1, 3, 2);
  a.o(0, 0, 0) = 1000;
  b.o = a.o;
  const double allowed = 4 * 0x1p-52 * 100 * 1000;
  b.o(0, 2, 1) = 0.9 * allowed;
  EXPECT_TRUE(ForwardProblem<double>::agrees(reference, a, b));
  b.o(0, 2, 1) = 1.1 * allowed;
  EXPECT_FALSE(ForwardProblem<double>::agrees(reference, a, b));
  b.o(0, 2, 1) = NAN;
  EXPECT_FALSE(ForwardProblem<double>::agrees(reference, a, b));
  b.o = Array<double>(1, 2, 2);
  EXPECT_FALSE(ForwardProblem<double>::agrees(reference, b, a));
}

INSTANTIATE_TEST_SUITE_P(Forward, Reference, testing::Values(1, 3, 7), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
