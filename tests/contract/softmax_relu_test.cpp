#include <gmock/gmock.h>

#include <cmath>

#include "methods/regression/softmax_relu/problem.hpp"
#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// What every method of regression/softmax_relu owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::OnRanks;
using testing_support::run_method;
using testing_support::run_method_alone;

using SoftmaxReluContract = OnRanks;

// n: fewer rows than ranks (empty blocks; not below d), P - 1, P, P + 1, and many.
constexpr Index sizes[] = {4, 6, 7, 8, 200};

std::vector<MethodCase> all_methods(double tolerance) {
  const std::pair<std::string, Value> target{"tolerance", tolerance};
  return {
      {"newton", {target}},
      {"sketched_newton", {target, {"sample-factor", 40.0}}},
      {"sketched_newton", {target, {"sample-factor", 40.0}, {"damping", std::string("armijo")}, {"draw", Index{7}}}},
      {"newton_cg", {target}},
      {"newton_cg", {target, {"products", std::string("implicit")}, {"fresh", true}}},
      {"newton_cg", {target, {"preconditioner", std::string("leverage")}, {"sketch-factor", 40.0}, {"fresh", true}}},
      {"newton_cg", {target, {"preconditioner", std::string("gram")}}},
      {"fixed_factor", {target}},
      {"fixed_factor", {target, {"damping", std::string("none")}}},
      {"gradient_descent", {target}},
      {"lbfgs", {target}}};
}

/// W^2 dominates, so that every method converges; dense and sparse A1 and A2 in all pairs.
std::vector<Assignment> specs(Index n) {
  const bool few = n < 20;  // rows: then one pair will do
  const Assignment common{{"n", n}, {"m", Index{4}}, {"d", Index{3}}, {"dominance", 20.0}};
  std::vector<Assignment> all;
  for (const Index nonzeros : {Index{0}, Index{2}})
    for (const double density : {1.0, 0.9}) {
      if (few && (nonzeros == 0) != (density == 1)) continue;
      Assignment spec = common;
      spec.emplace_back("nonzeros", nonzeros);
      spec.emplace_back("density", density);
      all.push_back(spec);
    }
  if (few) return all;
  Assignment mixed = common;
  mixed.emplace_back("nonzeros", Index{4});
  mixed.emplace_back("signs", std::string("mixed"));
  mixed.emplace_back("data", std::string("student_t"));
  all.push_back(mixed);
  return all;
}

double number(const Values& values, const std::string& name) {
  return std::get<double>(*find(values, name));
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double largest(const std::vector<double>& a) {
  double size = 0;
  for (const double entry : a) size = std::max(size, std::abs(entry));
  return size;
}

void expect_traffic(const MethodRun& run, const std::string& where) {
  for (std::size_t i = 0; i < n_operations; ++i) {
    const auto operation = static_cast<Operation>(i);
    Index messages = 0, bytes = 0;
    for (const Step& step : run.schedule.steps())
      if (step.operation == operation && operation != Operation::compute)
        messages += 1, bytes += static_cast<Index>(step.bytes);
    EXPECT_EQ(run.traffic[operation].calls, messages) << where << ": messages of " << to_text(operation);
    EXPECT_EQ(run.traffic[operation].bytes, bytes) << where << ": bytes of " << to_text(operation);
  }
}

void expect_contract(const Communicator& comm, const Assignment& spec, const MethodCase& which, Precision precision,
                     double tolerance, Index n) {
  const MethodRun run = run_method(comm, registry(), "regression", "softmax_relu", spec, which, precision, 2);
  const MethodRun alone = run_method_alone(comm, registry(), "regression", "softmax_relu", spec, which, precision);
  const std::string where = which.method + " " + to_text(Value(tolerance)) + " n=" + std::to_string(n) +
                            " P=" + std::to_string(comm.size()) + " " + run.promise.reason;
  // Another order of summation moves where a stopping test is met: both answers are within the asked accuracy of the
  // minimiser, up to the condition of the Hessian, which 100 stands for here.
  EXPECT_LE(largest_difference(run.answers[0], alone.answers[0]), 100 * tolerance * (1 + largest(run.answers[0])))
      << where << ": equals P = 1";
  EXPECT_LE(largest_difference(run.answers[0], run.answers[1]), 100 * tolerance * (1 + largest(run.answers[0])))
      << where << ": run() is repeatable";
  expect_traffic(run, where);
  EXPECT_GT(run.schedule.resident_bytes(), 0) << where;
  if (run.promise.kind == Promise::Kind::certified) {
    EXPECT_LE(number(run.quality, run.promise.metric), run.promise.bound) << where << ": the certificate holds";
  } else {
    // Few rows may be too few for a method without a search; no answer may be silently wrong.
    EXPECT_NE(run.promise.reason, "") << where;
    EXPECT_TRUE(n < 200 || which.method == "lbfgs" || which.method == "gradient_descent") << where;
  }
}

TEST_P(SoftmaxReluContract, EveryMethodKeepsItOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n))
        for (const MethodCase& which : all_methods(1e-9)) expect_contract(comm, spec, which, Precision::f64, 1e-9, n);
  });
}

TEST_P(SoftmaxReluContract, EveryMethodKeepsItInSinglePrecision) {
  on_ranks([](const Communicator& comm) {
    for (const Assignment& spec : specs(200))
      for (const MethodCase& which : all_methods(1e-3)) expect_contract(comm, spec, which, Precision::f32, 1e-3, 200);
  });
}

TEST_P(SoftmaxReluContract, AllMethodsFindTheSameMinimum) {
  on_ranks([](const Communicator& comm) {
    for (const Assignment& spec : specs(200))
      for (const MethodCase& which : all_methods(1e-9)) {
        const MethodRun run = run_method(comm, registry(), "regression", "softmax_relu", spec, which, Precision::f64);
        if (which.method == "gradient_descent") continue;  // 40 steps
        // The error is the gradient's in another norm; 1e3 for their ratio, and for where lbfgs may stop early.
        EXPECT_LE(number(run.quality, "error"), 1e-6) << which.method << " P=" << comm.size();
        EXPECT_LE(std::abs(number(run.quality, "loss_excess")), 1e-9) << which.method;
        EXPECT_LE(number(run.quality, "reference_reduction"), 1e-12) << which.method;
      }
  });
}

TEST_P(SoftmaxReluContract, SamplesAndSketchesAreTheSameOnEveryRankCount) {
  on_ranks([](const Communicator& comm) {
    // After one step with a small sample the answer shows which rows were drawn.
    const std::pair<std::string, Value> once{"max-iterations", Index{1}};
    const Assignment spec{{"n", Index{200}}, {"m", Index{4}}, {"d", Index{6}}, {"nonzeros", Index{2}}};
    for (const MethodCase& which :
         {MethodCase{"sketched_newton", {once, {"sample-factor", 5.0}}}, MethodCase{"newton_cg", {once}},
          MethodCase{"newton_cg", {once, {"preconditioner", std::string("leverage")}, {"sketch-factor", 5.0}}}}) {
      const MethodRun run = run_method(comm, registry(), "regression", "softmax_relu", spec, which, Precision::f64);
      const MethodRun alone =
          run_method_alone(comm, registry(), "regression", "softmax_relu", spec, which, Precision::f64);
      // Roundings of sums of n terms, times the condition of a small sample, for which 1e3 is ample.
      EXPECT_LE(largest_difference(run.answers[0], alone.answers[0]),
                1e3 * 200 * 0x1p-52 * (1 + largest(run.answers[0])))
          << which.method << " P=" << comm.size();
    }
  });
}

TEST_P(SoftmaxReluContract, DataAreTheSameBitForBitOnEveryRankCount) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t", "correlated"}) {
      regression::SoftmaxReluSpec spec;
      spec.n = 23;
      spec.d = 5;
      spec.m = 9;
      spec.data = data;
      spec.density = 0.7;
      const auto source = regression::SoftmaxReluProblem<double>::generate(spec, 5);
      const Layout layout = Layout::contiguous(23, comm.size());
      const regression::SoftmaxReluProblem<double> problem(spec, *source, layout, comm.rank());
      for (const auto& [name, matrix] : {std::pair{"a1", &problem.a1}, std::pair{"a2", &problem.a2}}) {
        const Array<double> whole = source->rows(name, 0, {0, 23});
        Array<double> mine(1, matrix->rows(), matrix->columns());
        matrix->copy_rows({0, matrix->rows()}, mine.data());
        for (Index i = 0; i < mine.rows(); ++i)
          for (Index c = 0; c < mine.columns(); ++c)
            EXPECT_EQ(mine(0, i, c), whole(0, problem.first_row + i, c)) << name << data;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(SoftmaxRelu, SoftmaxReluContract, testing_support::contract_ranks(),
                         testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
