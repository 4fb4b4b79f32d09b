#include <gtest/gtest.h>

#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// How many rows of A each method of least squares reads: the cost that no rank count and no machine changes.
namespace breakeven::testing_support {
namespace {

using RowsRead = OnRanks;

Index read_of(const MethodRun& run) {
  return std::get<Index>(*find(run.quality, "rows_read"));
}

Index count(const MethodRun& run, std::string_view name) {
  return std::get<Index>(*find(run.counts, name));
}

constexpr Index n = 3000;

MethodRun run_on(const Communicator& comm, const std::string& method, const Assignment& params = {},
                 const Assignment& data = {}) {
  Assignment spec{{"n", n}, {"d", Index{6}}, {"rhs", Index{2}}};
  spec.insert(spec.end(), data.begin(), data.end());
  return run_method(comm, registry(), "regression", "least_squares", spec, {method, params}, Precision::f64, 2);
}

/// Of the last of two runs: nothing is left of the first.
TEST_P(RowsRead, AreThoseOfThePassesThatEachMethodMakes) {
  on_ranks([](const Communicator& comm) {
    EXPECT_EQ(read_of(run_on(comm, "tsqr")), n);
    EXPECT_EQ(read_of(run_on(comm, "normal_equations")), n);
    EXPECT_EQ(read_of(run_on(comm, "cholesky_qr2")), 2 * n);
    const MethodRun refined = run_on(comm, "refined_gram");
    EXPECT_EQ(read_of(refined), (1 + count(refined, "refinements")) * n);
    EXPECT_EQ(read_of(run_on(comm, "sketch_solve")), n);
    const MethodRun lsqr = run_on(comm, "sketch_precondition");
    EXPECT_EQ(read_of(lsqr), (3 + count(lsqr, "refinements_used") + count(lsqr, "iterations")) * n);
  });
}

TEST_P(RowsRead, CountTheFallBack) {
  on_ranks([](const Communicator& comm) {
    const Assignment hard{{"data", std::string("graded")}, {"condition", 1e12}};
    EXPECT_EQ(read_of(run_on(comm, "cholesky_qr2", {}, hard)), 2 * n) << "no second pass: tsqr instead";
    const MethodRun refined = run_on(comm, "refined_gram", {}, hard);
    EXPECT_EQ(read_of(refined), (2 + count(refined, "refinements")) * n);
  });
}

TEST_P(RowsRead, OfSamplesAreTheScoredAndTheKept) {
  on_ranks([](const Communicator& comm) {
    const MethodRun leverage = run_on(comm, "leverage");
    EXPECT_EQ(read_of(leverage), 2 * n + count(leverage, "rows_kept"));
    const MethodRun uniform = run_on(comm, "leverage", {{"sampling", std::string("uniform")}});
    EXPECT_EQ(read_of(uniform), count(uniform, "rows_kept"));
    const MethodRun quantum = run_on(comm, "quantum");
    const MethodRun alone =
        run_method_alone(comm, registry(), "regression", "least_squares",
                         {{"n", n}, {"d", Index{6}}, {"rhs", Index{2}}}, {"quantum", {}}, Precision::f64);
    EXPECT_GT(read_of(quantum), count(quantum, "rows_scored") + count(quantum, "rows_kept"));
    EXPECT_LT(read_of(quantum), 4 * n) << "beside scores for three n rows, the few that each level keeps";
    if (comm.is_root()) {
      EXPECT_EQ(read_of(quantum), read_of(alone));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(LeastSquares, RowsRead, testing::Values(1, 3), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
