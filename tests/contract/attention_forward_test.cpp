#include <gmock/gmock.h>

#include <cmath>

#include "methods/attention/forward/problem.hpp"
#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// What every method of attention/forward owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::OnRanks;
using testing_support::run_method;
using testing_support::run_method_alone;

using Contract = OnRanks;

// n: fewer rows than ranks (empty blocks), P - 1, P, P + 1, and many; 2 P chunks of the zigzag layout need n > 14.
constexpr Index sizes[] = {1, 6, 7, 8, 15, 100};

std::vector<MethodCase> all_methods() {
  return {{"ring", {}},
          {"ring", {{"maximum", std::string("none")}}},
          {"allgather", {}},
          {"dense", {}},
          {"polynomial", {{"degree", Index{3}}}},
          {"polynomial", {{"degree", Index{4}}, {"coefficients", std::string("minimax")}, {"centre-keys", true}}},
          {"polynomial", {{"tolerance", 1e-3}, {"coefficients", std::string("chebyshev")}}}};
}

std::vector<Assignment> specs(Index n) {
  return {{{"n", n}, {"d", Index{3}}, {"d-value", Index{2}}},
          {{"n", n}, {"d", Index{3}}, {"causal", true}},
          {{"n", n},
           {"d", Index{4}},
           {"heads", Index{2}},
           {"batch", Index{2}},
           {"causal", true},
           {"data", std::string("aligned")}},
          {{"n", n},
           {"d", Index{4}},
           {"heads", Index{3}},
           {"data", std::string("aligned")},
           {"scale", std::string("1/d")}}};
}

double number(const Values& values, const std::string& name) {
  return std::get<double>(*find(values, name));
}

/// Sums of n terms in two orders, relative to the largest entry: the problem's own agrees(), on gathered answers.
double tolerance(Precision precision, Index n) {
  return 4 * (precision == Precision::f32 ? 0x1p-23 : 0x1p-52) * static_cast<double>(n + 8);
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

void expect_contract(const Communicator& comm, const Assignment& spec, const MethodCase& which, Precision precision,
                     Index n) {
  const MethodRun run = run_method(comm, registry(), "attention", "forward", spec, which, precision, 2);
  const MethodRun alone = run_method_alone(comm, registry(), "attention", "forward", spec, which, precision);
  const std::string where = which.method + " n=" + std::to_string(n) + " P=" + std::to_string(comm.size());

  EXPECT_LE(largest_difference(run.answers[0], alone.answers[0]), tolerance(precision, n)) << where << ": equals P = 1";
  EXPECT_LE(largest_difference(run.answers[0], run.answers[1]), tolerance(precision, n))
      << where << ": run() is repeatable";
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
  if (run.promise.kind == Promise::Kind::certified) {
    EXPECT_LE(number(run.quality, run.promise.metric), run.promise.bound) << where << ": the certificate holds";
  }
}

TEST_P(Contract, EveryMethodKeepsItOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n))
        for (const MethodCase& which : all_methods()) expect_contract(comm, spec, which, Precision::f64, n);
  });
}

TEST_P(Contract, EveryMethodKeepsItInSinglePrecision) {
  on_ranks([](const Communicator& comm) {
    for (const Assignment& spec : specs(100))
      for (const MethodCase& which : all_methods()) expect_contract(comm, spec, which, Precision::f32, 100);
  });
}

TEST_P(Contract, ExactMethodsEqualTheDefinition) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n))
        for (const char* method : {"ring", "allgather", "dense"}) {
          const MethodRun run =
              run_method(comm, registry(), "attention", "forward", spec, {method, {}}, Precision::f64);
          EXPECT_LE(number(run.quality, "error_max"), 1e-13) << method << " n=" << n;
        }
  });
}

TEST_P(Contract, DataAreTheSameBitForBitOnEveryRankCount) {
  on_ranks([](const Communicator& comm) {
    attention::ForwardSpec spec;
    spec.n = 23;
    spec.d = 4;
    spec.heads = 2;
    spec.data = "aligned";
    for (const char* name : {"q", "k", "v"}) {
      const auto source = attention::ForwardProblem<double>::generate(spec, 5);
      for (const Layout& layout : {Layout::contiguous(23, comm.size()), Layout::zigzag(23, comm.size())})
        for (Index slice = 0; slice < 2; ++slice) {
          const Array<double> whole = source->rows(name, slice, {0, 23});
          for (const Range& range : layout.ranges(comm.rank())) {
            const Array<double> mine = source->rows(name, slice, range);
            for (Index i = 0; i < range.size(); ++i)
              for (Index c = 0; c < 4; ++c) EXPECT_EQ(mine(0, i, c), whole(0, range.begin + i, c));
          }
        }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Forward, Contract, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
