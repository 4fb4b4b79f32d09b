#include "harness/measure.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <algorithm>
#include <set>

#include "base/philox.hpp"
#include "base/statistics.hpp"

// No test here reads a clock or waits for one: limits are set so that only one rule can end a measurement.
namespace breakeven {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr double no_limit = 1e9;

/// Things to time that write down when they ran; each sends one all_reduce on a communicator of its own.
class Log {
 public:
  explicit Log(const Communicator& comm) : methods_(comm.duplicate()) {}

  std::vector<Timed> timed(std::size_t count) {
    std::vector<Timed> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back({[this, i] {
                       ran.push_back(i);
                       methods_.all_reduce(1.0);
                     },
                     [this]() -> const Traffic& { return methods_.traffic(); }});
    return all;
  }
  std::vector<std::size_t> ran;

 private:
  Communicator methods_;
};

std::vector<bool> warmups(const Measurement& measurement) {
  std::vector<bool> marks;
  for (const Sample& sample : measurement.samples) marks.push_back(sample.warmup);
  return marks;
}

TEST(Measure, CountsPageFaultsOfAllRanksInsideTheRunAlone) {
  const Communicator world = Communicator::world();
  constexpr std::size_t pages = 64, page = 4096;
  const auto touch_fresh_memory = [&] {
    char* const memory =
        static_cast<char*>(mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t i = 0; i < pages; ++i) memory[i * page] = 1;
    munmap(memory, pages * page);
  };
  const auto traffic = [&]() -> const Traffic& { return world.traffic(); };
  const std::vector<Measurement> all =
      measure(world, {{touch_fresh_memory, traffic}, {[] {}, traffic}}, {3, 1, no_limit}, 1);
  for (const Sample& sample : all[0].samples)
    EXPECT_GE(sample.page_faults, static_cast<Index>(pages) * world.size()) << "a large page would serve several";
  for (const Sample& sample : all[1].samples) EXPECT_EQ(sample.page_faults, 0);
}

TEST(Measure, MarksWarmUpAndStopsAtTheRepetitions) {
  const Communicator world = Communicator::world();
  Log log(world);
  const std::vector<Measurement> all = measure(world, log.timed(2), {4, 2, no_limit}, 1);
  ASSERT_EQ(all.size(), 2u);
  for (const Measurement& one : all) {
    EXPECT_EQ(one.stop_reason, "repetitions");
    EXPECT_THAT(warmups(one), ElementsAre(true, true, false, false, false, false));
    EXPECT_EQ(one.elapsed_s.size(), 4u);
    EXPECT_EQ(one.timed_completions().size(), 4u);
    for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(one.samples[2 + r].repetition, static_cast<Index>(r));
  }
  EXPECT_EQ(log.ran.size(), 12u);
}

TEST(Measure, NeedsNoWarmUp) {
  const Communicator world = Communicator::world();
  Log log(world);
  EXPECT_THAT(warmups(measure(world, log.timed(1), {3, 0, no_limit}, 1).front()), Each(false));
  EXPECT_EQ(log.ran.size(), 3u);
}

/// Completion is the maximum over ranks, and splits into what the slowest rank computed and communicated.
TEST(Measure, CompletionIsTheSlowestRank) {
  const Communicator world = Communicator::world();
  Log log(world);
  const Measurement one = measure(world, log.timed(1), {5, 1, no_limit}, 1).front();
  for (std::size_t r = 0; r < one.elapsed_s.size(); ++r) {
    const Sample& sample = one.samples[1 + r];
    ASSERT_EQ(static_cast<int>(one.elapsed_s[r].size()), world.size());
    EXPECT_EQ(sample.completion_s, *std::max_element(one.elapsed_s[r].begin(), one.elapsed_s[r].end()));
    EXPECT_GT(sample.comm_s, 0);
    EXPECT_DOUBLE_EQ(sample.compute_s + sample.comm_s, sample.completion_s);
  }
}

TEST(Measure, InterleavesInTheShuffledOrderItRecords) {
  const Communicator world = Communicator::world();
  Log log(world);
  constexpr std::size_t methods = 3, rounds = 6;  // five repetitions: too few for the interval rule
  const std::vector<Measurement> all = measure(world, log.timed(methods), {5, 1, no_limit}, 7);
  std::set<std::vector<std::size_t>> orders;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<std::size_t> recorded(methods),
        ran(log.ran.begin() + static_cast<std::ptrdiff_t>(round * methods),
            log.ran.begin() + static_cast<std::ptrdiff_t>((round + 1) * methods));
    for (std::size_t m = 0; m < methods; ++m) recorded[static_cast<std::size_t>(all[m].samples[round].order)] = m;
    EXPECT_EQ(recorded, ran) << "round " << round;
    EXPECT_THAT(ran, testing::UnorderedElementsAre(0, 1, 2));
    orders.insert(ran);
  }
  EXPECT_GE(orders.size(), 2u);  // shuffled: the same order six times has probability 6^-5, and the seed is fixed

  Log again(world), other(world);
  measure(world, again.timed(methods), {5, 1, no_limit}, 7);
  measure(world, other.timed(methods), {5, 1, no_limit}, 8);
  EXPECT_EQ(again.ran, log.ran);  // by seed alone
  EXPECT_NE(other.ran, log.ran);
}

/// A budget that the first repetition exhausts: warm-up ends early and one timed repetition is made all the same.
TEST(Measure, MakesOneTimedRepetitionWhateverTheBudget) {
  const Communicator world = Communicator::world();
  Log log(world);
  for (const Measurement& one : measure(world, log.timed(2), {100, 10, 1e-12}, 1)) {
    EXPECT_EQ(one.stop_reason, "budget");
    EXPECT_THAT(warmups(one), ElementsAre(true, false));
  }
}

/// Something that takes a while in proportion to `steps`.
void work(int steps) {
  volatile double sum = 0;
  for (int i = 0; i < steps; ++i) sum = sum + 1.0;
}

/// As soon as the interval is narrow, neither later nor earlier; whether it becomes so is the machine's affair. Equal
/// repetitions are likely to; those that alternate by 6 % stay just above the 4 % that the interval may span.
TEST(Measure, StopsAtTheFirstNarrowInterval) {
  const Communicator world = Communicator::world();
  const Traffic none;
  const auto no_traffic = [&]() -> const Traffic& { return none; };
  std::vector<Timed> timed(3, Timed{[] { work(20'000); }, no_traffic});
  for (int i = 0; i < 3; ++i)
    timed.push_back({[turn = 0]() mutable { work(++turn % 2 == 0 ? 20'000 : 21'200); }, no_traffic});
  const auto narrow = [](const std::vector<double>& times) {
    const MedianInterval interval = median_interval(times);
    return interval.high - interval.low <= 0.04 * interval.median;
  };
  for (const Measurement& one : measure(world, timed, {200, 1, no_limit}, 1)) {
    std::vector<double> times = one.timed_completions();
    if (one.stop_reason == "interval") {
      EXPECT_GE(times.size(), 6u);
      EXPECT_TRUE(narrow(times));
      times.pop_back();
    } else {
      EXPECT_EQ(one.stop_reason, "repetitions");
      EXPECT_EQ(times.size(), 200u);
      times.pop_back();  // the last one may be both
    }
    for (; times.size() >= 6; times.pop_back()) EXPECT_FALSE(narrow(times)) << "could have stopped at " << times.size();
  }
}

TEST(Measure, IsTheSameOnAllRanks) {
  const Communicator world = Communicator::world();
  Log log(world);
  std::string mine;
  for (const Measurement& one : measure(world, log.timed(3), {9, 2, no_limit}, 3)) {
    mine += one.stop_reason + ":";
    for (const Sample& sample : one.samples)
      mine += to_text(Value(sample.completion_s)) + "/" + to_text(Value(sample.comm_s)) + "/" +
              std::to_string(sample.order) + ",";
  }
  EXPECT_THAT(world.gather_texts(mine), Each(mine));
}

TEST(Measure, TimesNothingWhenNothingSurvived) {
  EXPECT_TRUE(measure(Communicator::world(), {}, {}, 1).empty());
}

}  // namespace
}  // namespace breakeven
