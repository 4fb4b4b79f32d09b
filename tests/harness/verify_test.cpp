#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "harness/command_line.hpp"
#include "harness/group.hpp"
#include "harness/rows.hpp"
#include "registry.hpp"
#include "support/faulty_methods.hpp"

// A group with a broken method in it: the fault is named, the method not timed, and its neighbours run on. Faults that
// end the whole launch (a throw between collectives, a hang) are seen by tests/drivers.
namespace breakeven {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

const Registry& with_faulty_methods() {
  static const Registry list = [] {
    Registry all = registry();
    testing_support::add_faulty_methods(all);
    return all;
  }();
  return list;
}

struct Outcome {
  ExitCode exit_code;
  std::vector<Record> records;

  const Record& of(const std::string& method) const {
    for (const Record& record : records)
      if (record.text("method") == method) return record;
    throw std::runtime_error("no record of " + method);
  }
};

/// The first group of a command of a family, run; `warnings` hears what the user is told.
Outcome outcome_in(const std::string& family, const std::vector<const char*>& words,
                   std::vector<std::string>* warnings = nullptr) {
  const Communicator world = Communicator::world();
  const Experiment experiment =
      parse_command_line(static_cast<int>(words.size()), words.data(), family, with_faulty_methods()).experiment;
  const Hooks hooks;
  const RunContext context{experiment,
                           hooks,
                           read_placement(world),
                           nullptr,
                           world.duplicate(),
                           world.duplicate(),
                           [](const std::string&) {},
                           [&](const std::string& warning) {
                             if (warnings != nullptr) warnings->push_back(warning);
                           }};
  const std::vector<Group> groups = expand(experiment, with_faulty_methods(), world.size(), nullptr);
  GroupOutcome outcome = run_group(context, groups.front());
  return {outcome.exit_code, std::move(outcome.records)};
}

Outcome outcome_of(std::vector<const char*> words) {
  words.insert(words.begin(), {"attention", "--n", "50", "--d", "4", "--repetitions", "3", "--warmup", "1"});
  return outcome_in("attention", words);
}

void expect_timed(const Record& record) {
  EXPECT_EQ(record.text("status"), "ok") << record.text("message");
  EXPECT_EQ(record.text("message"), "");
  EXPECT_EQ(record.index("repetitions"), 3);
  EXPECT_EQ(record.samples.size(), 4u);  // the warm-up too
  EXPECT_GT(record.number("time_median"), 0);
  EXPECT_LE(record.number("time_lo"), record.number("time_median"));
  EXPECT_GE(record.number("time_hi"), record.number("time_median"));
  EXPECT_NEAR(record.number("confidence"), 0.75, 1e-12);  // three samples: 1 - 2^-2
  EXPECT_EQ(record.text("stop_reason"), "repetitions");
  EXPECT_LE(record.number("error_max"), record.number("promise_bound"));
}

struct Fault {
  const char* method;
  const char* message;  ///< a regular expression
  ExitCode exit_code;
};

constexpr Fault faults[] = {
    {"wrong", "error_max is 0\\.000[0-9]+, certified was [0-9.e-]+", ExitCode::check_failed},
    {"fails_in_set_up", "no room for the plan \\[rank 2/3, set-up\\]", ExitCode::failure},
    {"disagrees", "disagrees: ranks disagree on counts or promise", ExitCode::check_failed},
    {"lying_schedule", "all_reduce: schedule declares 0 messages of 0 bytes, counted 1 of 8", ExitCode::check_failed},
};

TEST(Verify, NamesTheFaultAndTimesTheOthers) {
  for (const Fault& fault : faults) {
    const std::string methods = std::string("ring,") + fault.method + ",allgather";
    const Outcome outcome = outcome_of({"--methods", methods.c_str()});
    EXPECT_EQ(outcome.exit_code, fault.exit_code) << fault.method;
    ASSERT_EQ(outcome.records.size(), 3u);
    const Record& broken = outcome.of(fault.method);
    EXPECT_EQ(broken.text("status"), "failed") << fault.method;
    EXPECT_THAT(broken.text("message"), MatchesRegex(fault.message));
    EXPECT_EQ(broken.index("repetitions"), 0) << fault.method;
    EXPECT_TRUE(broken.samples.empty()) << fault.method;
    EXPECT_TRUE(std::isnan(broken.number("time_median"))) << fault.method;
    expect_timed(outcome.of("ring"));
    expect_timed(outcome.of("allgather"));
  }
}

/// The verified answer was right, the timed one is not: the times are of something else.
TEST(Verify, ComparesTheLastTimedAnswerWithTheVerifiedOne) {
  const Outcome outcome = outcome_of({"--methods", "ring,drifting"});
  EXPECT_EQ(outcome.exit_code, ExitCode::check_failed);
  EXPECT_EQ(outcome.of("drifting").text("status"), "failed");
  EXPECT_EQ(outcome.of("drifting").text("message"), "the last timed answer differs from the verified one");
  expect_timed(outcome.of("ring"));
}

/// What is impossible fails whatever was promised: the certificate of this one is about what it misses.
TEST(Verify, FailsAnAnswerThatTheProblemDisproves) {
  const Outcome outcome = outcome_in("inner_product", {"inner_product", "--n", "60", "--methods", "popcount,inventive",
                                                       "--repetitions", "1", "--warmup", "0"});
  EXPECT_EQ(outcome.exit_code, ExitCode::check_failed);
  EXPECT_EQ(outcome.of("popcount").text("status"), "ok");
  EXPECT_EQ(outcome.of("popcount").text("dtype"), "bit");
  EXPECT_EQ(outcome.of("inventive").text("status"), "failed");
  EXPECT_EQ(outcome.of("inventive").number("error"), 0);
  EXPECT_THAT(outcome.of("inventive").text("message"), HasSubstr("precision is 0, must be 1"));
}

TEST(Verify, TellsWhatTheProblemWarnsOfOnceAGroup) {
  std::vector<std::string> warnings;
  outcome_in("inner_product",
             {"inner_product", "--n", "60", "--d", "100", "--rho", "0.3", "--methods", "popcount,prefix",
              "--repetitions", "1", "--warmup", "0"},
             &warnings);
  ASSERT_FALSE(warnings.empty());
  EXPECT_THAT(warnings.front(), HasSubstr("inner_product/heavy_pairs n=60"));
  EXPECT_THAT(warnings.front(), HasSubstr("background pairs may exceed the threshold"));
  EXPECT_LE(warnings.size(), 2u);
}

TEST(Verify, FailureOutranksAFailedCheck) {
  EXPECT_EQ(outcome_of({"--methods", "wrong,fails_in_set_up"}).exit_code, ExitCode::failure);
  EXPECT_EQ(outcome_of({"--methods", "fails_in_set_up,wrong"}).exit_code, ExitCode::failure);
}

TEST(Verify, AGroupWhereAllFailEnds) {
  const Outcome outcome = outcome_of({"--methods", "wrong,disagrees"});
  EXPECT_EQ(outcome.exit_code, ExitCode::check_failed);
  EXPECT_EQ(outcome.records.size(), 2u);
}

TEST(Verify, PassesEveryRealMethod) {
  for (const char* dtype : {"f32", "f64"}) {
    const Outcome outcome = outcome_of({"--methods", "ring,allgather,dense,polynomial", "--dtype", dtype, "--causal"});
    EXPECT_EQ(outcome.exit_code, ExitCode::ok);
    for (const Record& record : outcome.records) expect_timed(record);
  }
}

TEST(Verify, FailsTheUncertifiedOnlyWhenACertificateIsRequired) {
  const std::vector<const char*> words{"--methods", "ring,polynomial", "--bound", "4", "--degree", "1"};
  const Outcome plain = outcome_of(words);
  EXPECT_EQ(plain.exit_code, ExitCode::ok);
  EXPECT_EQ(plain.of("polynomial").text("status"), "ok");
  EXPECT_EQ(plain.of("polynomial").text("promise"), "none");
  EXPECT_FALSE(plain.of("polynomial").flag("certified"));
  EXPECT_THAT(plain.of("polynomial").text("message"), HasSubstr("is not certified at degree 1"));
  EXPECT_EQ(plain.of("polynomial").index("repetitions"), 3);

  std::vector<const char*> strict_words = words;
  strict_words.push_back("--require-certificate");
  const Outcome strict = outcome_of(strict_words);
  EXPECT_EQ(strict.exit_code, ExitCode::check_failed);
  EXPECT_EQ(strict.of("polynomial").text("status"), "failed");
  EXPECT_THAT(strict.of("polynomial").text("message"), HasSubstr("no certificate (--require-certificate): "));
  expect_timed(strict.of("ring"));
}

TEST(Record, IsTheSameOnAllRanksAndHoldsEveryRank) {
  const Communicator world = Communicator::world();
  const Outcome outcome = outcome_of({"--methods", "ring,polynomial"});
  for (const Record& record : outcome.records) {
    EXPECT_THAT(world.gather_texts(to_csv_line(record)), testing::Each(to_csv_line(record)));
    ASSERT_EQ(record.ranks.size(), 1u);
    EXPECT_EQ(record.ranks[0].elapsed_s.size(), 3u);
    EXPECT_EQ(static_cast<int>(record.ranks[0].bytes_sent.size()), world.size());
    Index bytes = 0, messages = 0;
    for (const Index sent : record.ranks[0].bytes_sent) bytes += sent;
    for (const Index sent : record.ranks[0].messages_sent) messages += sent;
    EXPECT_EQ(record.index("comm_bytes"), bytes);
    EXPECT_EQ(record.index("comm_messages"), messages);
    EXPECT_EQ(record.index("ranks"), world.size());
    EXPECT_EQ(record.index("rows_checked"), 50);
    EXPECT_EQ(record.text("origin"), "measured");
  }
  // ring on P ranks: P - 1 shifts each, every block sent P - 1 times: (4 + 4) words of 8 bytes a row
  EXPECT_EQ(outcome.of("ring").index("comm_messages"), world.size() * (world.size() - 1));
  EXPECT_EQ(outcome.of("ring").index("comm_bytes"), (world.size() - 1) * 50 * 8 * 8);
  EXPECT_EQ(outcome.of("polynomial").index("degree_used"), 4);
  EXPECT_EQ(outcome.of("polynomial").index("features"), 70);
}

/// One host cannot hold this: refused with the numbers, before anything is allocated.
TEST(Memory, IsRefusedWhenItIsNotThere) {
  const char* words[] = {"attention", "--methods", "ring", "--n", "1Gi", "--d", "64"};
  const Communicator world = Communicator::world();
  const Experiment experiment = parse_command_line(7, words, "attention", registry()).experiment;
  const Hooks hooks;
  RunContext context{experiment,
                     hooks,
                     read_placement(world),
                     nullptr,
                     world.duplicate(),
                     world.duplicate(),
                     [](const std::string&) {}};
  const Group group = expand(experiment, registry(), world.size(), nullptr).front();
  context.placement.free_bytes.assign(static_cast<std::size_t>(world.size()), Index{1} << 30);
  try {
    require_memory(context, group);
    ADD_FAILURE() << "accepted";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
    EXPECT_THAT(error.what(), HasSubstr("n=1073741824"));
    EXPECT_THAT(error.what(), HasSubstr("(data 1536 GiB, methods "));
    EXPECT_THAT(error.what(), HasSubstr("90 % of the memory available there is 0.9 GiB"));
  }
  context.placement.free_bytes.assign(static_cast<std::size_t>(world.size()), unknown_index);
  EXPECT_NO_THROW(require_memory(context, group));  // a system that does not tell is not asked twice
}

}  // namespace
}  // namespace breakeven
