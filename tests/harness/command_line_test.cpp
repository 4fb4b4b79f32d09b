#include "harness/command_line.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "registry.hpp"

namespace breakeven {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CommandLine parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "attention");
  return parse_command_line(static_cast<int>(words.size()), words.data(), "attention", registry());
}

Experiment experiment(std::vector<const char*> words) {
  return parsed(std::move(words)).experiment;
}

std::string refusal(std::vector<const char*> words) {
  try {
    parsed(std::move(words));
  } catch (const BadRequest& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
    return error.what();
  }
  return "accepted";
}

std::vector<std::string> method_names(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const Experiment::MethodAxes& method : experiment.methods) names.push_back(method.name);
  return names;
}

const std::vector<Value>& values_of(const std::vector<Axis>& axes, const std::string& name) {
  static const std::vector<Value> none;
  for (const Axis& axis : axes)
    if (axis.name == name) return axis.values;
  return none;
}

TEST(CommandLine, HasTheDocumentedDefaults) {
  const Experiment plain = experiment({});
  EXPECT_EQ(plain.family, "attention");
  EXPECT_EQ(plain.problem, "forward");
  EXPECT_THAT(method_names(plain), ElementsAre("ring", "allgather", "polynomial"));  // exact and fast, no reference
  EXPECT_THAT(plain.precisions, ElementsAre(Precision::f64));
  EXPECT_THAT(plain.seeds, ElementsAre(1));
  EXPECT_EQ(plain.protocol.repetitions, 15);
  EXPECT_EQ(plain.protocol.warmup, 2);
  EXPECT_EQ(plain.protocol.budget_s, 60);
  EXPECT_EQ(plain.timeout_s, 0);
  EXPECT_EQ(plain.launch, 0);
  EXPECT_EQ(plain.study, "adhoc");
  EXPECT_EQ(plain.format, "table");
  EXPECT_TRUE(plain.spec_axes.empty());
  EXPECT_FALSE(plain.require_certificate || plain.save_solution || plain.dry_run || plain.quiet || plain.reuse_older);
}

TEST(CommandLine, ReadsEveryCommonOption) {
  const Experiment all = experiment({"--problem",
                                     "forward",
                                     "--methods",
                                     "dense,ring,dense",
                                     "--dtype",
                                     "f32,f64,f32",
                                     "--seed",
                                     "1..3+1",
                                     "--repetitions",
                                     "1",
                                     "--warmup",
                                     "0",
                                     "--budget",
                                     "0.5",
                                     "--timeout",
                                     "7",
                                     "--launch",
                                     "4",
                                     "--out",
                                     "some/dir",
                                     "--save-solution",
                                     "--reuse-older",
                                     "--study",
                                     "s",
                                     "--label",
                                     "quick",
                                     "--format",
                                     "json",
                                     "--quiet",
                                     "--dry-run",
                                     "--require-certificate",
                                     "--input",
                                     "in.h5"});
  EXPECT_THAT(method_names(all), ElementsAre("dense", "ring"));  // duplicates dropped, order kept
  EXPECT_EQ(all.precisions.front(), Precision::f32);
  EXPECT_THAT(all.seeds, ElementsAre(1, 2, 3));
  EXPECT_EQ(all.protocol.repetitions, 1);
  EXPECT_EQ(all.protocol.warmup, 0);
  EXPECT_EQ(all.protocol.budget_s, 0.5);
  EXPECT_EQ(all.timeout_s, 7);
  EXPECT_EQ(all.launch, 4);
  EXPECT_EQ(all.out, "some/dir");
  EXPECT_EQ(all.study, "s");
  EXPECT_EQ(all.label, "quick");
  EXPECT_EQ(all.format, "json");
  EXPECT_EQ(all.input, "in.h5");
  EXPECT_TRUE(all.save_solution && all.reuse_older && all.quiet && all.dry_run && all.require_certificate);
}

TEST(CommandLine, TakesTheOneDtypeOfPackedSigns) {
  const auto of_pairs = [](std::vector<const char*> words) {
    words.insert(words.begin(), "inner_product");
    return parse_command_line(static_cast<int>(words.size()), words.data(), "inner_product", registry()).experiment;
  };
  EXPECT_THAT(of_pairs({}).precisions, ElementsAre(Precision::bit));
  EXPECT_THAT(of_pairs({"--dtype", "bit"}).precisions, ElementsAre(Precision::bit));
  for (const char* wrong : {"f32", "f64", "f32,f64", "bit,f32"}) try {
      of_pairs({"--dtype", wrong});
      ADD_FAILURE() << wrong << " was accepted";
    } catch (const BadRequest& error) {
      EXPECT_THAT(error.what(), HasSubstr("dtype must be bit, the only one of inner_product/heavy_pairs, got 'f"));
    }
  EXPECT_EQ(refusal({"--dtype", "bit"}), "dtype must be f32 or f64, got 'bit'");
}

TEST(CommandLine, ReadsListsRangesAndSuffixes) {
  const Experiment swept = experiment({"--n", "256..1Ki*2,4k", "--d", "8,16", "--bound=0.5,1", "--scale", "1/d,0.25"});
  EXPECT_THAT(values_of(swept.spec_axes, "n"),
              ElementsAre(Value(Index{256}), Value(Index{512}), Value(Index{1024}), Value(Index{4000})));
  EXPECT_THAT(values_of(swept.spec_axes, "bound"), ElementsAre(Value(0.5), Value(1.0)));
  EXPECT_THAT(values_of(swept.spec_axes, "scale"), ElementsAre(Value(std::string("1/d")), Value(std::string("0.25"))));
  EXPECT_TRUE(values_of(swept.spec_axes, "heads").empty());  // not given: the default, no axis
}

TEST(CommandLine, ReadsFlagsWithAndWithoutValue) {
  EXPECT_THAT(values_of(experiment({"--causal"}).spec_axes, "causal"), ElementsAre(Value(true)));
  EXPECT_THAT(values_of(experiment({"--causal", "--n", "64"}).spec_axes, "causal"), ElementsAre(Value(true)));
  EXPECT_THAT(values_of(experiment({"--causal", "false"}).spec_axes, "causal"), ElementsAre(Value(false)));
  EXPECT_THAT(values_of(experiment({"--causal=true,false"}).spec_axes, "causal"),
              ElementsAre(Value(true), Value(false)));
  EXPECT_THAT(refusal({"--causal", "maybe"}), HasSubstr("causal must be true or false, got 'maybe'"));
}

TEST(CommandLine, GivesAMethodItsOwnOptionsOnly) {
  const Experiment both = experiment({"--methods", "ring,polynomial", "--degree", "2..4+1", "--maximum", "none"});
  ASSERT_EQ(both.methods.size(), 2u);
  ASSERT_EQ(both.methods[0].axes.size(), 1u);
  EXPECT_EQ(both.methods[0].axes[0].name, "maximum");
  EXPECT_EQ(values_of(both.methods[1].axes, "degree").size(), 3u);
  EXPECT_TRUE(both.spec_axes.empty());
}

TEST(CommandLine, NamesTheNearestOption) {
  EXPECT_EQ(refusal({"--repetitons", "3"}), "unknown option --repetitons; did you mean --repetitions?");
  EXPECT_EQ(refusal({"--bnound=3"}), "unknown option --bnound=3; did you mean --bound?");
  EXPECT_EQ(refusal({"--colour", "red"}), "unknown option --colour; --help lists all");
  EXPECT_THAT(refusal({"stray"}), HasSubstr("unknown option stray"));
  // an option of a method that was not chosen is unknown
  EXPECT_THAT(refusal({"--methods", "ring", "--degree", "3"}), HasSubstr("unknown option --degree"));
}

TEST(CommandLine, RefusesWithOptionBoundAndValue) {
  const std::pair<std::vector<const char*>, const char*> wrong[] = {
      {{"--problem", "backward"}, "problem must be one of forward, got 'backward'"},
      {{"--methods", "rnig"}, "methods must be one of ring, allgather, polynomial, dense, got 'rnig'"},
      {{"--methods", "polynomal"}, "did you mean 'polynomial'?"},
      {{"--dtype", "f16"}, "dtype must be f32 or f64, got 'f16'"},
      {{"--seed", "-1"}, "seed must be a whole number of at least 0, got '-1'"},
      {{"--seed", "x"}, "seed must be a number"},
      {{"--repetitions", "0"}, "repetitions must be at least 1, got 0"},
      {{"--repetitions", "1.5"}, "repetitions must be a whole number, got '1.5'"},
      {{"--warmup", "-1"}, "warmup must be at least 0, got -1"},
      {{"--launch", "-1"}, "launch must be at least 0, got -1"},
      {{"--budget", "0"}, "budget must be positive, got 0"},
      {{"--budget", "long"}, "budget must be a number"},
      {{"--timeout", "-5"}, "timeout must be at least 0, got -5"},
      {{"--format", "xml"}, "format must be table, json or csv, got 'xml'"},
      {{"--save-solution"}, "save-solution needs --out DIR"},
      {{"--n", "4,,8"}, "n must be a list without empty items, got '4,,8'"},
      {{"--n", "many"}, "n must be a number"},
      {{"--n", "1..8"}, "n must be a range written a..b*factor or a..b+step, got '1..8'"},
      {{"--data", "unifrom"}, "did you mean 'uniform'?"},
      {{"--coefficients", "lagrange"}, "coefficients must be one of taylor chebyshev minimax, got 'lagrange'"},
  };
  for (const auto& [words, message] : wrong) EXPECT_THAT(refusal(words), HasSubstr(message)) << words.back();
  EXPECT_NE(refusal({"--n"}), "accepted");
  EXPECT_NE(refusal({"--seed"}), "accepted");
}

TEST(CommandLine, RefusesAnOptionGivenTwice) {
  EXPECT_NE(refusal({"--n", "64", "--n", "128"}), "accepted");
  EXPECT_NE(refusal({"--seed", "1", "--seed", "2"}), "accepted");
}

TEST(CommandLine, HelpAndListAreTextAndNothingRuns) {
  const std::string help = parsed({"--help"}).text;
  for (const char* part : {"--n", "--degree", "--maximum", "--budget", "Examples:", "Exit codes:", "taylor, chebyshev",
                           "largest t = C(d + g, g) accepted"})
    EXPECT_THAT(help, HasSubstr(part));
  const std::string list = parsed({"--list"}).text;
  for (const char* part : {"attention/forward\n", "attention/forward/ring", "exact", "attention/forward/polynomial",
                           "fast", "2302.13214", "--degree --tolerance"})
    EXPECT_THAT(list, HasSubstr(part));
  EXPECT_EQ(parsed({"--n", "64"}).text, "");
}

}  // namespace
}  // namespace breakeven
