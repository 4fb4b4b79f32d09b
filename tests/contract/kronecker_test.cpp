#include <gmock/gmock.h>

#include <cmath>

#include "support/kronecker_runs.hpp"
#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// What every method of the two Kronecker problems owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::OnRanks;
using testing_support::run_method;
using testing_support::run_method_alone;

using KroneckerContract = OnRanks;

// n: fewer rows than ranks (empty blocks), P - 1, P, P + 1, and many.
constexpr Index sizes[] = {3, 6, 7, 8, 100};

std::vector<MethodCase> methods_of(const std::string& problem) {
  std::vector<MethodCase> methods{{"qr_factors", {}},
                                  {"leverage_pairs", {{"samples", Index{201}}}},
                                  {"leverage_pairs", {{"tolerance", 0.2}, {"draw", Index{2}}}},
                                  {"product_sketch", {{"rows", Index{41}}}},
                                  {"product_sketch", {{"tolerance", 0.5}}},
                                  {"quantum", {{"tolerance", 0.5}}},
                                  {"quantum", {{"tolerance", 0.9}, {"draw", Index{2}}}}};
  if (problem == "kronecker_spectral") {
    methods.push_back({"qr_factors", {{"triangle", std::string("cholesky")}}});
    methods.push_back({"product_sketch", {{"rows", Index{45}}, {"sketch", std::string("osnap")}}});
    methods.push_back({"product_sketch", {{"rows", Index{31}}, {"sketch", std::string("count")}}});
  }
  return methods;
}

std::vector<Assignment> specs(Index n) {
  return {{{"n", n}, {"d", Index{2}}},
          {{"n", n}, {"n2", n + 5}, {"d", Index{2}}, {"d2", Index{3}}, {"data", std::string("correlated")}},
          {{"n", n}, {"d", Index{3}}, {"d2", Index{1}}, {"data", std::string("cauchy")}}};
}

double condition_of(const Communicator& comm, const Assignment& options) {
  const auto spec = from_assignment<regression::KroneckerSpec>(options);
  const auto source = regression::KroneckerSpectralProblem<double>::generate(spec, 1);
  return testing_support::condition(regression::reference_triangles(comm, spec, *source));
}

/// Roundings of sums of n terms, amplified by the condition of both factors; answers are compared relative to their
/// largest entry.
double tolerance(Precision precision, Index n, double condition) {
  return 64 * (precision == Precision::f32 ? 0x1p-23 : 0x1p-52) * std::sqrt(static_cast<double>(n + 8)) * condition;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY, size = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
    size = std::max(size, std::abs(a[i]));
  }
  return largest / size;
}

void expect_contract(const Communicator& comm, const std::string& problem, const Assignment& spec,
                     const MethodCase& which, Precision precision, Index n, double condition) {
  const MethodRun run = run_method(comm, registry(), "regression", problem, spec, which, precision, 2);
  const MethodRun alone = run_method_alone(comm, registry(), "regression", problem, spec, which, precision);
  const std::string where =
      problem + " " + which.method + " n=" + std::to_string(n) + " P=" + std::to_string(comm.size());

  const double allowed = tolerance(precision, n, condition);
  EXPECT_LE(largest_difference(run.answers[0], alone.answers[0]), allowed) << where << ": equals P = 1";
  EXPECT_LE(largest_difference(run.answers[0], run.answers[1]), allowed) << where << ": run() is repeatable";
  for (std::size_t i = 0; i < n_operations; ++i) {
    const auto operation = static_cast<Operation>(i);
    Index messages = 0, bytes = 0;
    for (const Step& step : run.schedule.steps())
      if (step.operation == operation && operation != Operation::compute)
        messages += 1, bytes += static_cast<Index>(step.bytes);
    EXPECT_EQ(run.traffic[operation].calls, messages) << where << ": messages of " << to_text(operation);
    EXPECT_EQ(run.traffic[operation].bytes, bytes) << where << ": bytes of " << to_text(operation);
  }
  EXPECT_GT(run.schedule.resident_bytes(), 0) << where;
  const double error = std::get<double>(*find(run.quality, "error"));
  if (which.method == "qr_factors") {
    EXPECT_LE(error, allowed) << where << ": exact to rounding";
  }
  if (run.promise.kind == Promise::Kind::probable && which.params.front().first == "samples") {
    EXPECT_LE(error, run.promise.bound) << where << ": the bound holds for this draw";
  }
}

TEST_P(KroneckerContract, EveryMethodKeepsItOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const char* problem : {"kronecker_spectral", "kronecker_regression"})
      for (const Index n : sizes)
        for (const Assignment& spec : specs(n)) {
          const double condition = condition_of(comm.duplicate(), spec);
          for (const MethodCase& which : methods_of(problem))
            expect_contract(comm, problem, spec, which, Precision::f64, n, condition);
        }
  });
}

TEST_P(KroneckerContract, EveryMethodKeepsItInSinglePrecision) {
  on_ranks([](const Communicator& comm) {
    for (const char* problem : {"kronecker_spectral", "kronecker_regression"})
      for (const Assignment& spec : specs(100)) {
        const double condition = condition_of(comm.duplicate(), spec);
        for (const MethodCase& which : methods_of(problem))
          expect_contract(comm, problem, spec, which, Precision::f32, 100, condition);
      }
  });
}

TEST_P(KroneckerContract, DataAreTheSameBitForBitHoweverTheyAreAskedFor) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t", "cauchy", "spike", "correlated"}) {
      const auto spec = testing_support::kronecker_spec(23, 4, data, 600, 3);
      const auto source = regression::KroneckerRegressionProblem<double>::generate(spec, 5);
      const Array<double> whole = source->rows("b", 0, {0, 23}), factor = source->rows("a2", 0, {0, 600});
      const Range mine = block(23, comm.size(), comm.rank());
      const Array<double> rows = source->rows("b", 0, mine);
      for (Index i = 0; i < mine.size(); ++i)
        for (Index j = 0; j < 600; j += 7) {
          EXPECT_EQ(rows(0, i, j), whole(0, mine.begin + i, j));
          EXPECT_EQ(source->entry("b", 0, mine.begin + i, j), whole(0, mine.begin + i, j));
          EXPECT_EQ(source->entry("a2", 0, j, 1), factor(0, j, 1));
        }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Kronecker, KroneckerContract, testing_support::contract_ranks(),
                         testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
