#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "methods/regression/quantum_sampling/state_vector.hpp"
#include "methods/regression/quantum_sampling/two_plane.hpp"
#include "methods/regression/query_ledger.hpp"
#include "support/on_ranks.hpp"

// Amplitude amplification against its closed form, and the state vector against the two-plane process.
namespace breakeven::regression {
namespace {

using QuantumSampling = testing_support::OnRanks;
using Problem = QuantumSamplingProblem<double>;

QuantumSamplingSpec spec_of(Index n, Index marked, const std::string& data, const std::string& search = "amplify",
                            Index iterations = unknown_index) {
  QuantumSamplingSpec spec;
  spec.n = n;
  spec.marked = marked;
  spec.data = data;
  spec.search = search;
  spec.iterations = iterations;
  spec = Problem::normalised(spec);
  Problem::validate(spec);
  return spec;
}

/// One method on generated weights.
template <class Method>
struct SamplingRun {
  SamplingRun(const Communicator& comm, const QuantumSamplingSpec& spec, Index draw = 1)
      : source(Problem::generate(spec, 1)),
        problem(spec, *source, Layout::contiguous(spec.n, comm.size()), comm.rank()),
        method(comm, spec, {draw}),
        solution(method.run(problem)),
        quality(Problem::quality(comm, Problem::reference(comm, spec, *source, 1), problem, solution)) {}

  std::unique_ptr<Source<double>> source;
  Problem problem;
  Method method;
  QuantumSamplingSolution<double> solution;
  QuantumSamplingQuality quality;
};

TEST_P(QuantumSampling, AmplificationFollowsItsLawAfterAnyNumberOfIterations) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {256, 4096})
      for (const Index marked : {1, 5, 64})
        for (const char* data : {"marked", "weighted"})
          for (const Index iterations : {0, 1, 2, 7, 100}) {
            const SamplingRun<StateVector<double>> run(comm, spec_of(n, marked, data, "amplify", iterations));
            EXPECT_NEAR(run.quality.success, run.quality.success_law, 1e-12) << n << " " << marked << " " << iterations;
            EXPECT_LE(run.quality.norm_drift, 1e-12) << n << " " << marked << " " << iterations;
            EXPECT_LE(run.quality.target_variation, 1e-12) << n << " " << marked << " " << iterations;
          }
  });
}

TEST_P(QuantumSampling, WithoutSpecialIterationsTheOptimalNumberMarksNearlyAll) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"marked", "weighted"}) {
      const SamplingRun<StateVector<double>> run(comm, spec_of(16384, 64, data));
      EXPECT_EQ(run.method.counts().oracle_calls, 12) << "floor(pi / (4 asin sqrt(64 / 16384)))";
      // Marked: at least 1 - marked / n. Weighted: the sum of weights is not exactly 64, the angle off by a part of it.
      EXPECT_GE(run.quality.success, 1 - 4 * 64.0 / 16384);
    }
  });
}

TEST_P(QuantumSampling, TwoPlaneProcessEqualsTheStateVector) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"marked", "weighted"})
      for (const Index iterations : {0, 3, 40}) {
        const QuantumSamplingSpec spec = spec_of(1000, 9, data, "amplify", iterations);
        const SamplingRun<TwoPlane<double>> plane(comm, spec);
        const SamplingRun<StateVector<double>> vector(comm, spec);
        for (Index i = 0; i < plane.solution.outcome.rows(); ++i)
          EXPECT_NEAR(plane.solution.outcome(0, i, 0), vector.solution.outcome(0, i, 0), 1e-12) << data;
        EXPECT_LE(plane.quality.error, 1e-12);
      }
  });
}

TEST_P(QuantumSampling, SearchesFindExactlyTheMarkedItems) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {256, 1024, 4096})
      for (const Index marked : {1, 4, 16, 32})
        for (const char* search : {"known", "bbht"}) {
          const QuantumSamplingSpec spec = spec_of(n, marked, "marked", search);
          const SamplingRun<StateVector<double>> run(comm, spec, n + marked);
          for (Index i = 0; i < run.solution.outcome.rows(); ++i)
            EXPECT_EQ(run.solution.outcome(0, i, 0), run.problem.weights(0, i, 0));
          EXPECT_EQ(run.quality.error, 0);
          EXPECT_EQ(run.quality.missed, 0);
          EXPECT_LE(run.quality.norm_drift, 1e-12);
          // The same coins on the same probabilities: the ledger's process is this search, measurement by measurement.
          const SamplingRun<TwoPlane<double>> plane(comm, spec, n + marked);
          EXPECT_EQ(run.method.counts().oracle_calls, plane.method.counts().oracle_calls);
          EXPECT_EQ(run.method.counts().measurements, plane.method.counts().measurements);
          EXPECT_EQ(run.method.counts().queries, plane.method.counts().queries);
        }
  });
}

TEST_P(QuantumSampling, QueriesOfAFullSimulationGrowWithTheRootOfItemsTimesMarked) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {256, 1024, 4096}) {
      double known = 0, unknown = 0;
      constexpr Index draws = 8;
      for (Index draw = 1; draw <= draws; ++draw) {
        const double size = std::sqrt(16.0 * static_cast<double>(n)) * draws;
        const double last_check = std::ceil(3 * std::sqrt(static_cast<double>(n)));
        const auto queries = [&](const char* search) {
          return static_cast<double>(
              SamplingRun<StateVector<double>>(comm, spec_of(n, 16, "marked", search), draw).method.counts().queries);
        };
        known += queries("known") / size;
        unknown += (queries("bbht") - last_check) / size;
      }
      EXPECT_GE(known, 0.75) << n;
      EXPECT_LE(known, 1.75) << n;
      EXPECT_GE(unknown, 1.2) << n;
      EXPECT_LE(unknown, 3.6) << n;
    }
  });
}

TEST_P(QuantumSampling, MarksAreTheSameOnEveryRankCountAndAsManyAsAskedFor) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"marked", "weighted"}) {
      const QuantumSamplingSpec spec = spec_of(1003, 17, data);
      const auto source = Problem::generate(spec, 3), again = Problem::generate(spec, 3);
      const Range mine = Layout::contiguous(spec.n, comm.size()).ranges(comm.rank()).front();
      const Array<double> whole = source->rows("weights", 0, {0, spec.n}), part = again->rows("weights", 0, mine);
      for (Index i = 0; i < mine.size(); ++i) EXPECT_EQ(part(0, i, 0), whole(0, mine.begin + i, 0));
      const double sum = std::accumulate(whole.span().begin(), whole.span().end(), 0.0);
      if (spec.weighted())
        EXPECT_NEAR(sum, 17, 6) << "heavy-tailed weights";
      else
        EXPECT_EQ(sum, 17);
    }
  });
}

TEST_P(QuantumSampling, AWrongOutcomeIsAnError) {
  on_ranks([](const Communicator& comm) {
    const QuantumSamplingSpec spec = spec_of(64, 3, "marked");
    SamplingRun<StateVector<double>> run(comm, spec);
    const auto reference = Problem::reference(comm, spec, *run.source, 1);
    for (const double wrong : {0.5, std::numeric_limits<double>::quiet_NaN()}) {
      QuantumSamplingSolution<double> broken = run.solution;
      if (comm.is_root()) broken.outcome(0, 0, 0) += wrong;
      const QuantumSamplingQuality quality = Problem::quality(comm, reference, run.problem, broken);
      EXPECT_GE(quality.error, 0.25);  // half of the change, as total variation goes; infinity for NaN
      if (comm.is_root()) {
        EXPECT_FALSE(Problem::agrees(reference, run.solution, broken));
      }
    }
  });
}

TEST(QuantumSamplingRefuses, WhatItCannotDo) {
  EXPECT_THROW(spec_of(8, 9, "marked"), BadRequest);
  EXPECT_THROW(spec_of(8, 0, "marked"), BadRequest);
  EXPECT_THROW(spec_of(0, 1, "marked"), BadRequest);
  EXPECT_THROW(spec_of(8, 2, "weighted", "known"), BadRequest);
  EXPECT_THROW(spec_of(8, 2, "marked", "bbht", 3), BadRequest);
  EXPECT_THROW(spec_of(Index{1} << 40, Index{1} << 20, "marked", "known"), BadRequest);
  EXPECT_THROW(sampling_layout(spec_of(3, 1, "marked"), 4), BadRequest);
  EXPECT_NO_THROW(sampling_layout(spec_of(4, 4, "marked"), 4));
}

INSTANTIATE_TEST_SUITE_P(Ranks, QuantumSampling, testing::Values(1, 3), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::regression
