#include "support/contract.hpp"

// What the quantum methods owe at every rank count: the same samples, the same queries, the schedule they declare.
namespace breakeven {
namespace {

using testing_support::ContractCase;
using testing_support::expect_contract;
using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::number;
using testing_support::OnRanks;
using testing_support::run_method;
using testing_support::run_method_alone;

using QuantumContract = OnRanks;

/// The ledger is decided by which rows are kept: one row more or less on some rank count would show in it.
void expect_counts_of_one_rank(const Communicator& comm, const ContractCase& which) {
  const MethodRun run =
      run_method(comm, registry(), which.family, which.problem, which.spec, which.method, which.precision);
  const MethodRun alone =
      run_method_alone(comm, registry(), which.family, which.problem, which.spec, which.method, which.precision);
  if (!comm.is_root()) return;  // where the lone rank's counts are
  for (const NamedValue& count : alone.counts) {
    const Value* mine = find(run.counts, count.name);
    if ((count.name == "statistical_dimension" || count.name == "halving_overshoot") && !is_unknown(count.value))
      EXPECT_NEAR(std::get<double>(*mine), std::get<double>(count.value), 1e-9) << "a sum, rounded";
    else
      EXPECT_EQ(to_text(*mine), to_text(count.value)) << count.name << " at P=" << comm.size();
  }
}

/// As for exact methods: a few eps, times the square of the condition number, relative to the answer's size.
double least_squares_tolerance(Precision precision, Index n, const MethodRun& run) {
  const double eps = precision == Precision::f32 ? 0x1p-23 : 0x1p-52;
  const double condition = number(run.quality, "condition_estimate");
  double largest = 0;
  for (const double entry : run.answers[0]) largest = std::max(largest, std::abs(entry));
  return 8 * eps * std::sqrt(static_cast<double>(n + 8)) * condition * condition * largest;
}

void expect_least_squares(const Communicator& comm, const Assignment& options, const Assignment& params,
                          Precision precision) {
  const Index n = std::get<Index>(options.front().second);
  const ContractCase which{"regression", "least_squares", options, {"quantum", params}, precision};
  expect_contract(comm, which, [&](const MethodRun& run) { return least_squares_tolerance(precision, n, run); });
  expect_counts_of_one_rank(comm, which);
}

// n: as many rows as columns, fewer than ranks, P - 1, P, P + 1 (no level in all of these), many (five levels), many
// with one row more.
TEST_P(QuantumContract, LeastSquaresKeepItOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {3, 4, 6, 7, 8, 700, 701})
      for (const Precision precision : {Precision::f64, Precision::f32})
        expect_least_squares(comm, {{"n", n}, {"d", Index{3}}, {"rhs", Index{2}}}, {}, precision);
  });
}

TEST_P(QuantumContract, LeastSquaresKeepItOnEveryKindOfData) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"})
      for (const double ridge : {0.0, 50.0})
        expect_least_squares(
            comm,
            {{"n", Index{1500}}, {"d", Index{6}}, {"data", std::string(data)}, {"condition", 100.0}, {"ridge", ridge}},
            {{"draw", Index{3}}}, Precision::f64);
  });
}

/// An oversampling that must fail: the steps done again are messages that the schedule takes from the counts.
TEST_P(QuantumContract, LeastSquaresKeepItWhenHalvingIsDoneAgain) {
  on_ranks([](const Communicator& comm) {
    const Assignment spec{{"n", Index{1500}}, {"d", Index{8}}};
    const Assignment params{{"oversampling", 0.2}, {"draw", Index{2}}};
    expect_least_squares(comm, spec, params, Precision::f64);
    const MethodRun run =
        run_method(comm, registry(), "regression", "least_squares", spec, {"quantum", params}, Precision::f64);
    EXPECT_GT(std::get<Index>(*find(run.counts, "halving_retries")), 0);
    EXPECT_EQ(run.promise.kind, Promise::Kind::none);
  });
}

/// An iteration rounds an amplitude a few times, an outcome is at most 1.
double sampling_tolerance(const ContractCase& which, const MethodRun& run) {
  const double eps = which.precision == Precision::f32 ? 0x1p-23 : 0x1p-52;
  return 8 * eps * static_cast<double>(std::get<Index>(*find(run.counts, "oracle_calls")) + 2);
}

void expect_sampling(const Communicator& comm, const ContractCase& which) {
  expect_contract(comm, which, [&](const MethodRun& run) { return sampling_tolerance(which, run); });
  expect_counts_of_one_rank(comm, which);
}

// n: P of the largest launch, P + 1, many, many with one more, more than one block of 1024 a rank.
TEST_P(QuantumContract, SamplingKeepsItOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {7, 8, 100, 101, 8000})
      for (const char* method : {"two_plane", "state_vector"})
        for (const Precision precision : {Precision::f64, Precision::f32})
          for (const Index marked : {Index{1}, std::min<Index>(n, 9)})
            for (const char* data : {"marked", "weighted"})
              expect_sampling(comm, {"regression",
                                     "quantum_sampling",
                                     {{"n", n}, {"marked", marked}, {"data", std::string(data)}},
                                     {method, {}},
                                     precision});
  });
}

TEST_P(QuantumContract, SamplingKeepsItInEverySearch) {
  on_ranks([](const Communicator& comm) {
    for (const char* search : {"known", "bbht"})
      for (const char* method : {"two_plane", "state_vector"})
        for (const Index marked : {1, 5, 100})
          expect_sampling(comm, {"regression",
                                 "quantum_sampling",
                                 {{"n", Index{100}}, {"marked", marked}, {"search", std::string(search)}},
                                 {method, {{"draw", Index{2}}}},
                                 Precision::f64});
  });
}

INSTANTIATE_TEST_SUITE_P(Regression, QuantumContract, testing_support::contract_ranks(),
                         testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
