#include "comm/agree.hpp"
#include "support/contract.hpp"
#include "support/heavy_pairs_runs.hpp"

// What every method of inner_product/heavy_pairs owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::by_definition;
using testing_support::expect_contract;
using testing_support::HeavyPairsData;
using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::number;
using testing_support::OnRanks;
using testing_support::PairList;
using testing_support::run_method;

using HeavyPairsContract = OnRanks;

std::vector<MethodCase> searches() {
  const auto ring = std::pair{std::string("partition"), Value(std::string("ring"))};
  return {{"popcount", {}},
          {"popcount", {ring}},
          {"popcount", {{"early-exit", false}}},
          {"gemm", {}},
          {"gemm", {{"product", std::string("float")}}},
          {"gemm", {{"product", std::string("float")}, ring}},
          {"prefix", {}},
          {"prefix", {{"prefix-bits", Index{20}}}},
          {"prefix", {{"prefix-bits", Index{20}}, ring}},
          {"prefix", {{"recall", 1.0}, {"prefix-bits", Index{7}}, {"coordinates", std::string("first")}}},
          {"lsh", {}},
          {"lsh", {{"recall", 1.0}}},
          {"lsh", {{"key-bits", Index{5}}, {"key-radius", Index{1}}}},
          {"lsh", {{"recall", 0.5}, {"key-bits", Index{3}}, {"key-radius", Index{0}}}}};
}

/// Aggregation with a signal that so few coordinates can carry; it misses pairs, the same ones on every rank count.
MethodCase aggregate(Index degree, Assignment more = {}) {
  more.insert(more.end(), {{"degree", degree}, {"group", Index{2}}, {"signal", 1.0}, {"threshold", 0.5}});
  return {"aggregate", more};
}

/// Every method, with each setting that takes another path, for n rows: a group takes two.
std::vector<MethodCase> methods(Index n) {
  std::vector<MethodCase> all = searches();
  if (n == 1) return all;
  all.push_back(aggregate(1));
  all.push_back(aggregate(2, {{"tile", Index{3}}}));
  all.push_back(aggregate(3, {{"multiply", std::string("strassen")}, {"levels", Index{2}}, {"rounds", Index{1}}}));
  return all;
}

// n: fewer rows than ranks (empty blocks), P - 1, P, P + 1 for the largest P, many.
constexpr Index sizes[] = {1, 2, 6, 7, 8, 100};

/// Problems of n rows: two sets, sets of different size (one of them smaller than most P), one set.
std::vector<Assignment> specs(Index n) {
  const auto with = [&](Index d, Index planted, Assignment more) {
    more.insert(more.end(), {{"n", n}, {"d", d}, {"rho", 0.4}, {"planted", planted}});
    return more;
  };
  return {with(70, std::min<Index>(n, 3), {}), with(33, 1, {{"n-b", Index{5}}}), with(130, 1, {{"n-b", Index{41}}}),
          with(64, n / 2, {{"self", true}})};
}

void expect_pairs_contract(const Communicator& comm, const Assignment& spec, const MethodCase& which) {
  expect_contract(comm, {"inner_product", "heavy_pairs", spec, which, Precision::bit},
                  [](const MethodRun&) { return 0.0; });  // integers
}

TEST_P(HeavyPairsContract, IsKeptOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n))
        for (const MethodCase& which : methods(n)) expect_pairs_contract(comm, spec, which);
  });
}

TEST_P(HeavyPairsContract, IsKeptOnEveryKindOfData) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"uniform", "biased", "clustered"})
      for (const bool self : {false, true})
        for (const MethodCase& which : methods(150))
          expect_pairs_contract(comm,
                                {{"n", Index{150}},
                                 {"d", Index{200}},
                                 {"rho", 0.5},
                                 {"data", std::string(data)},
                                 {"background", 0.3},
                                 {"clusters", Index{6}},
                                 {"self", self}},
                                which);
  });
}

/// What the ranks hand over beside the rows and the numbers of their hits is 24 bytes a hit, and 8 for a pair of groups
/// to be looked into.
TEST_P(HeavyPairsContract, VaryingBytesAreThoseOfTheHitsGathered) {
  on_ranks([](const Communicator& comm) {
    for (const Assignment& spec : specs(100))
      for (const MethodCase& which : methods(100)) {
        const MethodRun run = run_method(comm, registry(), "inner_product", "heavy_pairs", spec, which, Precision::bit);
        Index fixed = 0;
        for (const Step& step : run.schedule.steps())
          if (step.operation == Operation::all_gather) fixed += static_cast<Index>(step.bytes);
        const Index varying = comm.all_reduce(run.traffic[Operation::all_gather].bytes - fixed);
        const Value* flagged = find(run.counts, "flagged_pairs");
        EXPECT_EQ(varying, 24 * std::get<Index>(*find(run.counts, "gathered")) +
                               (flagged == nullptr ? 0 : 8 * std::get<Index>(*flagged)))
            << which.method;
      }
  });
}

/// Every pair of a rank is in its schedule, none twice: over all ranks they are all there are.
TEST_P(HeavyPairsContract, SchedulesOfAllRanksCompareEveryPairOnce) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n))
        for (const char* partition : {"grid", "ring"}) {
          const MethodRun run =
              run_method(comm, registry(), "inner_product", "heavy_pairs", spec,
                         {"popcount", {{"partition", std::string(partition)}, {"early-exit", false}}}, Precision::bit);
          const auto full = HeavyPairsData(from_assignment<inner_product::HeavyPairsSpec>(spec)).spec;
          EXPECT_EQ(comm.all_reduce(run.schedule.flops()), full.pairs() * static_cast<double>(full.d)) << partition;
        }
  });
}

TEST_P(HeavyPairsContract, ExactMethodsEqualTheDefinition) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes)
      for (const Assignment& spec : specs(n)) {
        const HeavyPairsData data = HeavyPairsData::generated(from_assignment<inner_product::HeavyPairsSpec>(spec));
        std::vector<double> expected;
        for (const auto& pair : by_definition(data)) expected.insert(expected.end(), pair.begin(), pair.end());
        for (const MethodCase& which : searches()) {
          const MethodRun run =
              run_method(comm, registry(), "inner_product", "heavy_pairs", spec, which, Precision::bit);
          if (run.promise.kind != Promise::Kind::certified) continue;
          EXPECT_EQ(run.answers[0], expected) << which.method << " n=" << n;
          EXPECT_EQ(number(run.quality, "error"), 0) << which.method << " n=" << n;
          EXPECT_EQ(number(run.quality, "precision"), 1) << which.method << " n=" << n;
        }
      }
  });
}

TEST_P(HeavyPairsContract, MoreThanMaxHitsFailAlikeOnEveryRank) {
  on_ranks([](const Communicator& comm) {
    std::vector<MethodCase> all = searches();
    all.push_back({"aggregate", {{"group", Index{2}}, {"signal", 0.02}, {"threshold", 0.01}}});
    for (const MethodCase& which : all) {
      std::string message = "accepted";
      try {
        run_method(comm, registry(), "inner_product", "heavy_pairs",
                   {{"n", Index{60}}, {"d", Index{24}}, {"rho", 0.01}, {"max-hits", Index{50}}}, which, Precision::bit);
      } catch (const CollectiveError& error) {
        message = error.what();
      }
      EXPECT_THAT(message, testing::HasSubstr("found more than max-hits = 50 hits, at least ")) << which.method;
      for (const std::string& other : comm.gather_texts(message)) EXPECT_EQ(other, message);
    }
  });
}

TEST_P(HeavyPairsContract, DataAreTheSameBitForBitOnEveryRankCount) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"uniform", "biased", "clustered"})
      for (const bool self : {false, true}) {
        inner_product::HeavyPairsSpec spec = testing_support::pairs_spec(23, 100, 0.5, 9, self);
        spec.data = data;
        const HeavyPairsData whole = HeavyPairsData::generated(spec, 5);
        const inner_product::GeneratedSigns<Word> source(whole.spec, 5);
        for (const char* name : {"a", "b"}) {
          const Range mine = block(23, comm.size(), comm.rank());
          const Array<Word> part = source.rows(name, 0, mine);
          for (Index i = 0; i < mine.size(); ++i)
            for (Index w = 0; w < whole.spec.words(); ++w)
              EXPECT_EQ(part(0, i, w), whole.of(name)(0, mine.begin + i, w)) << data << " /" << name;
        }
      }
  });
}

INSTANTIATE_TEST_SUITE_P(HeavyPairs, HeavyPairsContract, testing_support::contract_ranks(),
                         testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
