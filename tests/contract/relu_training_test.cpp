#include "support/contract.hpp"

// What every method of inner_product/relu_training owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::expect_contract;
using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::number;
using testing_support::OnRanks;
using testing_support::run_method;

using ReluTrainingContract = OnRanks;

std::vector<MethodCase> methods() {
  return {{"dense", {}},
          {"fired_pairs", {}},
          {"fired_pairs", {{"search", std::string("popcount")}}},
          {"fired_pairs", {{"search", std::string("lsh")}}}};
}

struct Sizes {
  Index n, neurons, d;
};
// fewer inputs, neurons than ranks (empty blocks); P - 1, P, P + 1; words and bytes that are not full; more than a tile
constexpr Sizes sizes[] = {{1, 1, 1}, {5, 6, 7}, {3, 7, 64}, {40, 8, 65}, {520, 50, 200}};

std::vector<Assignment> specs(const Sizes& size) {
  const Assignment of_size{{"n", size.n}, {"neurons", size.neurons}, {"d", size.d}};
  const auto with = [&](Assignment more) {
    more.insert(more.end(), of_size.begin(), of_size.end());
    return more;
  };
  return {with({{"rho", 0.0}, {"data", std::string("uniform")}}), with({{"rho", 0.3}, {"clusters", Index{3}}}),
          with({{"rho", 0.99}, {"clusters", Index{2}}})};
}

/// Twice the rounding of loss and gradients, times the size of what is added up: outputs and targets are of order one,
/// gradients no larger.
double tolerance(Precision precision, const Sizes& size) {
  return 16 * (precision == Precision::f32 ? 0x1p-23 : 0x1p-52) * static_cast<double>(size.n + size.neurons + 16);
}

TEST_P(ReluTrainingContract, IsKeptByEveryMethod) {
  on_ranks([](const Communicator& comm) {
    for (const Sizes& size : sizes)
      for (const Assignment& spec : specs(size))
        for (const MethodCase& which : methods())
          for (const Precision precision : {Precision::f64, Precision::f32})
            expect_contract(comm, {"inner_product", "relu_training", spec, which, precision},
                            [&](const MethodRun&) { return tolerance(precision, size); });
  });
}

/// Equal to the dense step: the same loss and gradients within rounding, through a small part of the pairs.
TEST_P(ReluTrainingContract, TheStepThroughFiredPairsEqualsTheDenseOne) {
  on_ranks([](const Communicator& comm) {
    for (const Sizes& size : sizes)
      for (const Assignment& spec : specs(size)) {
        std::vector<MethodRun> runs;
        for (const MethodCase& which : methods())
          runs.push_back(run_method(comm, registry(), "inner_product", "relu_training", spec, which, Precision::f64));
        for (const MethodRun& run : runs) {
          EXPECT_LE(testing_support::largest_difference(run.answers[0], runs[0].answers[0]),
                    tolerance(Precision::f64, size));
          EXPECT_NEAR(number(run.quality, "loss"), number(runs[0].quality, "loss"), tolerance(Precision::f64, size));
        }
        for (const std::size_t search : {2, 3})
          EXPECT_EQ(*find(runs[1].counts, "fired_pairs"), *find(runs[search].counts, "fired_pairs")) << search;
      }
  });
}

TEST_P(ReluTrainingContract, ProductsEvaluatedShrinkWithTheThreshold) {
  on_ranks([](const Communicator& comm) {
    Index before = 300 * 200, fired_before = before, products_at_low = 0;
    for (const double rho : {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}) {
      const MethodRun run = run_method(
          comm, registry(), "inner_product", "relu_training",
          {{"n", Index{300}}, {"neurons", Index{200}}, {"d", Index{1024}}, {"clusters", Index{20}}, {"rho", rho}},
          {"fired_pairs", {}}, Precision::f64);
      const auto products = std::get<Index>(*find(run.counts, "products_evaluated"));
      const auto fired = std::get<Index>(*find(run.counts, "fired_pairs"));
      EXPECT_LE(fired, products);
      EXPECT_LE(products, before) << rho;  // though the search looks at fewer words
      EXPECT_LE(fired, fired_before) << rho;
      before = products, fired_before = fired;
      if (rho == 0.1) products_at_low = products;
    }
    EXPECT_LT(before, products_at_low / 10);
    EXPECT_LT(before, 300 * 200 / 10);  // a twentieth of the pairs are of one cluster
    EXPECT_GT(fired_before, 0);
  });
}

/// At a high threshold keys are long: few pairs meet, and what is found and looked at is the same on every rank count.
TEST_P(ReluTrainingContract, DisjointKeysMissNoFiringPair) {
  on_ranks([](const Communicator& comm) {
    const auto run_at = [&](const Communicator& on, double rho, const char* search) {
      return run_method(
          on, registry(), "inner_product", "relu_training",
          {{"n", Index{300}}, {"neurons", Index{200}}, {"d", Index{512}}, {"alignment", 0.95}, {"rho", rho}},
          {"fired_pairs", {{"search", std::string(search)}}}, Precision::f64);
    };
    for (const double rho : {0.5, 0.8, 0.88, 0.95}) {
      const MethodRun by_keys = run_at(comm, rho, "lsh"), all = run_at(comm, rho, "popcount");
      EXPECT_EQ(*find(by_keys.counts, "fired_pairs"), *find(all.counts, "fired_pairs")) << rho;
      EXPECT_EQ(by_keys.answers, all.answers) << "sums in one order";
      const auto count = [&](const char* name) { return std::get<Index>(*find(by_keys.counts, name)); };
      EXPECT_GE(count("products_evaluated"), count("fired_pairs")) << rho;
      EXPECT_GE(count("met"), count("products_evaluated")) << rho;
      if (rho >= 0.88) {
        EXPECT_LT(count("products_evaluated"), 300 * 200 / 10) << rho;
      }
      if (rho == 0.88) {
        EXPECT_GT(count("fired_pairs"), 100) << "not nothing";
      }
      for (const char* name : {"products_evaluated", "met", "fired_pairs"}) {
        Index alone = 0;
        if (const auto one = comm.first(1)) alone = std::get<Index>(*find(run_at(*one, rho, "lsh").counts, name));
        EXPECT_EQ(count(name), comm.all_reduce(alone)) << name << " as on one rank";
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(ReluTraining, ReluTrainingContract, testing_support::contract_ranks(),
                         testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
