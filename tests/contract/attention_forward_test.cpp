#include "methods/attention/forward/problem.hpp"
#include "support/contract.hpp"

// What every method of attention/forward owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::expect_contract;
using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::number;
using testing_support::OnRanks;
using testing_support::run_method;

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

/// Sums of n terms in two orders, relative to the largest entry: the problem's own agrees(), on gathered answers.
double tolerance(Precision precision, Index n) {
  return 4 * (precision == Precision::f32 ? 0x1p-23 : 0x1p-52) * static_cast<double>(n + 8);
}

void expect_contract_of(const Communicator& comm, const Assignment& spec, const MethodCase& which, Precision precision,
                        Index n) {
  expect_contract(comm, {"attention", "forward", spec, which, precision},
                  [&](const MethodRun&) { return tolerance(precision, n); });
}

TEST_P(Contract, EveryMethodKeepsItOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n))
        for (const MethodCase& which : all_methods()) expect_contract_of(comm, spec, which, Precision::f64, n);
  });
}

TEST_P(Contract, EveryMethodKeepsItInSinglePrecision) {
  on_ranks([](const Communicator& comm) {
    for (const Assignment& spec : specs(100))
      for (const MethodCase& which : all_methods()) expect_contract_of(comm, spec, which, Precision::f32, 100);
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
